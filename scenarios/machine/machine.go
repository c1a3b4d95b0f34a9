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
	roots func() []int // processes that, with all below them, are not foreign
	mu    sync.Mutex
	last  reading
}

// reading is the machine at one moment, in clock ticks since boot over all
// processors. Everybody's work is kept: whose of it is the lab's own is known only
// at the next look.
type reading struct {
	total int64 // busy or not
	busy  int64 // spent in processes, or taken away by the machine's host
	all   map[int]usage
}

// usage is one process. A number is given to another process once it is free:
// number and start together name one.
type usage struct {
	parent int
	start  int64 // ticks since boot
	ticks  int64 // that it and the children it has collected have used
}

// NewMeter takes the processes with the ids that roots returns, and everything they
// start, for the lab's own. It asks for them at every look: a container that was
// started again is another process. Ids of processes that have ended are ignored.
// It fails with ErrUnsupported where the system does not tell.
func NewMeter(roots func() []int) (*Meter, error) {
	now, err := read()
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
	now, err := read()
	if err != nil {
		return 0, err
	}
	then := m.last
	m.last = now
	total := now.total - then.total
	if total <= 0 {
		return 0, nil
	}
	foreign := now.busy - then.busy - own(then, now, m.roots())
	return max(0, min(1, float64(foreign)/float64(total))), nil
}

// own is what the roots and all below them have used between the two readings. A
// root that is new at the second brings only what it has done since the first, also
// if it had been somebody else's until then. One that ended in between takes its
// last ticks with it.
func own(then, now reading, roots []int) int64 {
	before, after := map[int]bool{}, map[int]bool{}
	for _, pid := range roots {
		u, lives := now.all[pid]
		old, lived := then.all[pid]
		after[pid] = lives
		before[pid] = lives && lived && old.start == u.start
	}
	// A process that ended takes its time with it until its parent has collected
	// it: the sum may then seem to fall, and must not become somebody's work.
	return max(now.below(after)-then.below(before), 0)
}

// below adds up the processes that are or descend from one of the roots.
func (r reading) below(roots map[int]bool) (sum int64) {
	for pid, u := range r.all {
		for p, depth := pid, 0; p > 1 && depth < 64; p, depth = r.all[p].parent, depth+1 {
			if roots[p] {
				sum += u.ticks
				break
			}
		}
	}
	return sum
}
