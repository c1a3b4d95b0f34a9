package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// A journal of a million ops is half a gigabyte of JSON, and decoding it is nearly
// all of the work of reading it. So parts of it are decoded side by side, and put
// together in the order in which they stand.

// partSize is how many bytes of whole lines make a part.
const partSize = 1 << 18

// splitter hands out a journal's lines, decoded, in their order.
type splitter struct {
	parts chan chan []decoded
	quit  chan struct{}
	// Set before parts is closed.
	cut bool  // the last line has no newline
	err error // reading failed
}

// decoded is one line, or why it is no record.
type decoded struct {
	record Record
	err    error
}

func split(r io.Reader) *splitter {
	s := &splitter{parts: make(chan chan []decoded, 2*runtime.GOMAXPROCS(0)), quit: make(chan struct{})}
	go s.read(bufio.NewReaderSize(r, 1<<16))
	return s
}

// stop ends the reading. Whoever has had enough need not take the parts that are
// left.
func (s *splitter) stop() { close(s.quit) }

func (s *splitter) read(in *bufio.Reader) {
	defer close(s.parts)
	for {
		var lines [][]byte
		for size := 0; size < partSize; {
			line, err := in.ReadBytes('\n')
			if err != nil {
				s.cut = len(line) > 0 && errors.Is(err, io.EOF)
				if !errors.Is(err, io.EOF) {
					s.err = err
				}
				s.hand(lines)
				return
			}
			lines, size = append(lines, line), size+len(line)
		}
		if !s.hand(lines) {
			return
		}
	}
}

// hand has a part decoded, and says whether anybody still wants the next one. The
// channel's length bounds how many are under way.
func (s *splitter) hand(lines [][]byte) bool {
	part := make(chan []decoded, 1)
	select {
	case s.parts <- part:
	case <-s.quit:
		return false
	}
	go func() {
		all := make([]decoded, len(lines))
		for i, line := range lines {
			all[i].record, all[i].err = decode(line)
		}
		part <- all
	}()
	return true
}

func decode(line []byte) (r Record, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("not a record: %w", err)
	}
	if d.More() {
		return r, errors.New("more than one record")
	}
	return r, nil
}
