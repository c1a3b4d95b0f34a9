package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Tag says what a line of the journal is about.
type Tag string

// The tags. The first line of a journal is a meta; a complete one ends with end.
const (
	TagMeta   Tag = "meta"
	TagInvoke Tag = "invoke"
	TagReturn Tag = "return"
	TagPhase  Tag = "phase"
	TagFault  Tag = "fault"
	TagSample Tag = "sample"
	TagUpdate Tag = "update"
	TagHall   Tag = "hall"
	TagLedger Tag = "ledger"
	TagNote   Tag = "note"
	TagEnd    Tag = "end"
)

// Record is one line of the journal: its tag and the one value that goes with it.
// A reader that follows a running drill decodes lines into it.
type Record struct {
	Tag    Tag      `json:"t"`
	Meta   *Meta    `json:"meta,omitempty"`
	Op     *Op      `json:"op,omitempty"`
	Phase  *Phase   `json:"phase,omitempty"` // a later record with the same Start replaces the earlier one
	Fault  *Fault   `json:"fault,omitempty"` // a later record with the same Index replaces the earlier one
	Sample *Sample  `json:"sample,omitempty"`
	Update *Update  `json:"update,omitempty"` // a later record with the same Version replaces the earlier one
	Hall   []string `json:"hall,omitempty"`
	Ledger *Ledger  `json:"ledger,omitempty"`
	Note   string   `json:"note,omitempty"`
}

// Read reads a journal, whole or cut off at any byte. What stands in whole lines
// counts; a last line without its newline was being written when the writer died
// and is left out, even if it happens to parse. The error names the line that
// this package could not have written.
func Read(r io.Reader) (History, error) {
	b := builder{open: make(map[int64]int)}
	lines := split(r)
	defer lines.stop()
	for n := 1; ; {
		part, more := <-lines.parts
		if !more {
			b.h.Truncated = lines.cut
			if lines.err != nil {
				return b.h, fmt.Errorf("read journal after line %d: %w", n-1, lines.err)
			}
			return b.h, nil
		}
		for _, d := range <-part {
			err := d.err
			if err == nil {
				err = b.record(d.record)
			}
			if err != nil {
				return b.h, fmt.Errorf("journal line %d: %w", n, err)
			}
			n++
		}
	}
}

// ReadFile reads the journal at path, as Read does.
func ReadFile(path string) (History, error) {
	f, err := os.Open(path)
	if err != nil {
		return History{}, fmt.Errorf("open journal: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: closing loses nothing
	h, err := Read(f)
	if err != nil {
		return h, fmt.Errorf("read journal %s: %w", path, err)
	}
	return h, nil
}

// builder puts a history together, line by line.
type builder struct {
	h    History
	open map[int64]int // op without return -> place in h.Ops
	seen bool          // meta was read
}

func (b *builder) record(r Record) error {
	switch {
	case b.h.Complete:
		return fmt.Errorf("%s after the end", r.Tag)
	case !b.seen && r.Tag != TagMeta:
		return fmt.Errorf("%s before the meta record", r.Tag)
	case !r.whole():
		return fmt.Errorf("%s without its value", r.Tag)
	}
	switch r.Tag {
	case TagMeta:
		return b.meta(*r.Meta)
	case TagInvoke:
		b.invoke(*r.Op)
	case TagReturn:
		return b.answer(*r.Op)
	case TagPhase:
		b.phase(*r.Phase)
	case TagFault:
		b.fault(*r.Fault)
	case TagSample:
		b.h.Samples = append(b.h.Samples, *r.Sample)
	case TagUpdate:
		b.update(*r.Update)
	case TagHall:
		b.h.Hall = r.Hall
	case TagLedger:
		b.h.Ledger = r.Ledger
	case TagNote:
		b.h.Notes = append(b.h.Notes, r.Note)
	case TagEnd:
		b.h.Complete = true
	default:
		return fmt.Errorf("unknown tag %q", r.Tag)
	}
	return nil
}

// whole says whether the value that the tag announces is there.
func (r Record) whole() bool {
	switch r.Tag {
	case TagMeta:
		return r.Meta != nil
	case TagInvoke, TagReturn:
		return r.Op != nil
	case TagPhase:
		return r.Phase != nil
	case TagFault:
		return r.Fault != nil
	case TagSample:
		return r.Sample != nil
	case TagUpdate:
		return r.Update != nil
	case TagHall:
		return len(r.Hall) > 0
	case TagLedger:
		return r.Ledger != nil
	}
	return true
}

func (b *builder) meta(m Meta) error {
	if b.seen {
		return errors.New("second meta record")
	}
	if m.Format != FormatVersion {
		return fmt.Errorf("format %d, this program reads %d", m.Format, FormatVersion)
	}
	b.seen, b.h.Meta = true, m
	return nil
}

// invoke keeps an op whose id was used before as an op of its own: what to think
// of it is the judge's business.
func (b *builder) invoke(o Op) {
	b.open[o.ID] = len(b.h.Ops)
	b.h.Ops = append(b.h.Ops, o)
}

func (b *builder) answer(o Op) error {
	i, ok := b.open[o.ID]
	if !ok {
		return fmt.Errorf("return of op %d, which is not open", o.ID)
	}
	delete(b.open, o.ID)
	b.h.Ops[i] = o
	return nil
}

func (b *builder) phase(p Phase) {
	for i := range b.h.Phases {
		if b.h.Phases[i].Name == p.Name && b.h.Phases[i].Start == p.Start {
			b.h.Phases[i] = p
			return
		}
	}
	b.h.Phases = append(b.h.Phases, p)
}

func (b *builder) fault(f Fault) {
	for i := range b.h.Faults {
		if b.h.Faults[i].Index == f.Index {
			b.h.Faults[i] = f
			return
		}
	}
	b.h.Faults = append(b.h.Faults, f)
}

func (b *builder) update(u Update) {
	for i := range b.h.Updates {
		if b.h.Updates[i].Version == u.Version {
			b.h.Updates[i] = u
			return
		}
	}
	b.h.Updates = append(b.h.Updates, u)
}

// Write writes h as a journal that Read reads back as h. Faults without an index
// are numbered. It is how a history that was made or changed by hand is kept.
func Write(w io.Writer, h History) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	for _, r := range records(h) {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write %s record: %w", r.Tag, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

func records(h History) []Record {
	h.Meta.Format = FormatVersion
	rs := []Record{{Tag: TagMeta, Meta: &h.Meta}}
	for i := range h.Phases {
		rs = append(rs, Record{Tag: TagPhase, Phase: &h.Phases[i]})
	}
	for i := range h.Ops {
		o := h.Ops[i]
		rs = append(rs, Record{Tag: TagInvoke, Op: &o})
		if o.Outcome != "" {
			rs = append(rs, Record{Tag: TagReturn, Op: &o})
		}
	}
	for i, f := range h.Faults {
		if f.Index == 0 {
			f.Index = i + 1
		}
		rs = append(rs, Record{Tag: TagFault, Fault: &f})
	}
	for i := range h.Samples {
		rs = append(rs, Record{Tag: TagSample, Sample: &h.Samples[i]})
	}
	for i := range h.Updates {
		rs = append(rs, Record{Tag: TagUpdate, Update: &h.Updates[i]})
	}
	if len(h.Hall) > 0 {
		rs = append(rs, Record{Tag: TagHall, Hall: h.Hall})
	}
	return append(rs, tail(h)...)
}

func tail(h History) []Record {
	var rs []Record
	for _, n := range h.Notes {
		rs = append(rs, Record{Tag: TagNote, Note: n})
	}
	if h.Ledger != nil {
		rs = append(rs, Record{Tag: TagLedger, Ledger: h.Ledger})
	}
	if h.Complete {
		rs = append(rs, Record{Tag: TagEnd})
	}
	return rs
}
