package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// flushEvery is how old the journal on disk may get. Five times a second costs
// nothing and a killed drill loses at most the last blink.
const flushEvery = 200 * time.Millisecond

// errEnded is what Err answers when something was recorded after the end.
var errEnded = errors.New("recorded after the end of the journal")

// Recorder writes a drill's journal while the drill runs. Any number of buyers
// may use it at once. It keeps no history in memory: whoever judges reads the
// journal back, and so judges what the next reader will see.
type Recorder struct {
	start time.Time // with its monotonic reading
	stop  chan struct{}
	done  chan struct{}

	mu     sync.Mutex
	out    *bufio.Writer
	enc    *json.Encoder
	err    error // the first write that failed; nothing is written after it
	ended  bool
	closed bool
	nextOp int64
	faults int
	open   map[int64]Op     // invoked, not returned
	phases map[string]Phase // started, not ended
}

// NewRecorder starts a journal on w with its meta record. Format and Base are the
// recorder's to set: Base is now, and offset zero of everything that follows.
// Close it; it does not close w.
func NewRecorder(w io.Writer, meta Meta) *Recorder {
	out := bufio.NewWriterSize(w, 1<<16)
	r := &Recorder{
		start: time.Now(), stop: make(chan struct{}), done: make(chan struct{}),
		out: out, enc: json.NewEncoder(out),
		open: make(map[int64]Op), phases: make(map[string]Phase),
	}
	meta.Format, meta.Base = FormatVersion, r.start.Round(0).UTC()
	r.put(Record{Tag: TagMeta, Meta: &meta}, true)
	go r.flusher()
	return r
}

// Now is the time since Base on the monotonic clock: the only clock of a history.
func (r *Recorder) Now() time.Duration { return time.Since(r.start) }

// Invoke records that an op is about to be sent and answers its id. It sets ID and
// Call, and Intended where the caller left it zero. Call it before the first byte
// leaves: an op that took effect must have a record.
func (r *Recorder) Invoke(o Op) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nextOp++
	// Taken under the lock, so that ids and calls have the same order.
	o.ID, o.Call = r.nextOp, r.Now()
	if o.Intended == 0 {
		o.Intended = o.Call
	}
	r.open[o.ID] = o
	r.write(Record{Tag: TagInvoke, Op: &o})
	return o.ID
}

// Return records what came of the op with o's ID. Return is set to now where the
// caller left it zero; Call is as Invoke recorded it, and so is Intended if o has
// none. An op without an outcome is recorded as Unknown, never as a "no".
func (r *Recorder) Return(o Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked, ok := r.open[o.ID]
	if !ok {
		r.fail(fmt.Errorf("return of op %d, which is not open", o.ID))
		return
	}
	delete(r.open, o.ID)
	o.Call = asked.Call
	if o.Intended == 0 {
		o.Intended = asked.Intended
	}
	if o.Return == 0 {
		o.Return = r.Now()
	}
	if o.Outcome == "" {
		o.Outcome = Unknown
	}
	r.write(Record{Tag: TagReturn, Op: &o})
}

// Open is how many ops have been invoked and not returned.
func (r *Recorder) Open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open)
}

// PhaseStart records that the phase begins now. A phase ends before another one
// of the same name starts.
func (r *Recorder) PhaseStart(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Phase{Name: name, Start: r.Now()}
	r.phases[name] = p
	r.write(Record{Tag: TagPhase, Phase: &p})
	r.flush()
}

// PhaseEnd records that the phase ends now.
func (r *Recorder) PhaseEnd(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.phases[name]
	if !ok {
		r.fail(fmt.Errorf("end of phase %q, which has not started", name))
		return
	}
	delete(r.phases, name)
	p.End = r.Now()
	r.write(Record{Tag: TagPhase, Phase: &p})
	r.flush()
}

// Fault records a fault and answers its index. With Index zero it is a new fault;
// with the index of an earlier one it replaces that one's record, as when it has
// healed:
//
//	f.Index = r.Fault(f)
//	... heal ...
//	f.Healed = r.Now()
//	r.Fault(f)
func (r *Recorder) Fault(f Fault) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.Index == 0 {
		r.faults++
		f.Index = r.faults
	}
	r.write(Record{Tag: TagFault, Fault: &f})
	r.flush()
	return f.Index
}

// Sample records an observation of the servers; At is set to now if it is zero.
func (r *Recorder) Sample(s Sample) {
	if s.At == 0 {
		s.At = r.Now()
	}
	r.put(Record{Tag: TagSample, Sample: &s}, false)
}

// Update records a change to the event: once before it is tried, with Return zero,
// and once when it is known to be done.
func (r *Recorder) Update(u Update) { r.put(Record{Tag: TagUpdate, Update: &u}, false) }

// Hall records the order of the sale's seats in Op.Free.
func (r *Recorder) Hall(seats []string) { r.put(Record{Tag: TagHall, Hall: seats}, true) }

// Note records a sentence for the reader.
func (r *Recorder) Note(text string) { r.put(Record{Tag: TagNote, Note: text}, false) }

// Ledger records what the stores held; At is set to now if it is zero. The last
// ledger counts.
func (r *Recorder) Ledger(l Ledger) {
	if l.At == 0 {
		l.At = r.Now()
	}
	r.put(Record{Tag: TagLedger, Ledger: &l}, true)
}

// Complete records that the drill reached its end: phases closed, links healed,
// stores drained and read. Nothing may be recorded after it.
func (r *Recorder) Complete() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(Record{Tag: TagEnd})
	r.ended = true
	r.flush()
}

// Err is the first thing that went wrong: a write that failed, or a record that
// cannot be. The journal ends before it, so that no later record hides the gap.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close writes out what is buffered and answers what Err answers. A journal that
// was closed without Complete is an incomplete one.
func (r *Recorder) Close() error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.mu.Unlock()
	if first {
		close(r.stop)
	}
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush()
	return r.err
}

func (r *Recorder) flusher() {
	defer close(r.done)
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-t.C:
			r.mu.Lock()
			r.flush()
			r.mu.Unlock()
		}
	}
}

func (r *Recorder) put(rec Record, flush bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(rec)
	if flush {
		r.flush()
	}
}

// write appends one record. r.mu is held.
func (r *Recorder) write(rec Record) {
	if r.ended || r.closed {
		r.fail(fmt.Errorf("%s: %w", rec.Tag, errEnded))
	}
	if r.err != nil {
		return
	}
	if err := r.enc.Encode(rec); err != nil {
		r.fail(fmt.Errorf("write %s record: %w", rec.Tag, err))
	}
}

func (r *Recorder) flush() {
	// After a failed write the writer itself keeps the error, so what was whole
	// before a record that cannot be still reaches the disk.
	if err := r.out.Flush(); err != nil {
		r.fail(fmt.Errorf("write journal: %w", err))
	}
}

func (r *Recorder) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
