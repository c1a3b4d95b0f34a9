// Package machine says how much of this machine's processor other people use: work
// that is neither the lab's nor that of the stack it drills.
//
// It must not know what is drilled, nor what follows from a busy machine.
package machine

import (
	"errors"
	"sync"
)

// ErrUnsupported says that this operating system does not tell.
var ErrUnsupported = errors.New("this operating system does not tell who uses the processor")

// Meter measures foreign work between two looks. It is safe for concurrent use.
type Meter struct {
	roots []int // processes that, with all below them, are not foreign
	mu    sync.Mutex
	last  reading
}

// reading is time since boot in clock ticks, over all processors.
type reading struct {
	total int64 // busy or not
	busy  int64 // spent in processes, or taken away by the machine's host
	own   int64 // of that, spent in the roots and below
}

// NewMeter takes the processes with these ids, and everything they start, for the
// lab's own. It fails with ErrUnsupported where the system does not tell.
func NewMeter(roots ...int) (*Meter, error) {
	now, err := read(roots)
	if err != nil {
		return nil, err
	}
	return &Meter{roots: roots, last: now}, nil
}

// Foreign is the share of the whole machine, 0 to 1, that others have used since
// the last look: other people's processes, and other machines on the same host.
func (m *Meter) Foreign() (float64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, err := read(m.roots)
	if err != nil {
		return 0, err
	}
	then := m.last
	m.last = now
	total := now.total - then.total
	if total <= 0 {
		return 0, nil
	}
	// A process that ended in between takes its time with it until its parent has
	// collected it: own may then seem to fall, and must not become somebody's work.
	own := max(now.own-then.own, 0)
	return max(0, min(1, float64(now.busy-then.busy-own)/float64(total))), nil
}
