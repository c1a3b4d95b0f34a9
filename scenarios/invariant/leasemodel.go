package invariant

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// leaseState is what the model knows of one seat between two steps. The lab does
// not share a clock with the lock store, so instants are known as ranges.
type leaseState struct {
	holder int           // place in leaseSeat.tokens; 0: nobody
	bought bool          // by an accepted purchase: for ever
	lo     time.Duration // the present is not before this
	loEnd  time.Duration // the hold ends at this instant or later
	hiEnd  time.Duration // and at this one or earlier
}

// verb is what an op did to a seat.
type verb int

const (
	took   verb = iota // a lock was granted
	tookIt             // a lock may have been granted, now or later
	kept               // a hold was extended
	gave               // a hold was given back
	bought             // a purchase was accepted
	taken              // a lock was refused: somebody else has the seat
	gone               // a buyer was told that the hold is over
	wiped              // the store lost its memory
)

// leaseOp is one op on one seat, as the model steps over it.
type leaseOp struct {
	seat      *leaseSeat
	verb      verb
	token     int // whose; 0: nobody that is known
	call, ret time.Duration
	left      time.Duration // took, kept: time left, as answered; tookIt: the latest instant at which it can end
	soft      bool          // gave: one of several, so it may have found the seat given back; bought: not for good
}

// token is one lock, with what its ops of unknown outcome may have done to it.
// To keep them out of the search, in which each would double the work, they
// widen what is possible instead: that never accuses wrongly.
type token struct {
	lock    string
	cut     time.Duration // something of unknown outcome may end the hold from here on
	endless bool          // a purchase of unknown outcome may have made it last
	floor   time.Duration // until when an extend of unknown outcome, or a refused purchase, may have made it last
}

// leaseSeat is one seat's story.
type leaseSeat struct {
	slack   time.Duration
	tokens  []token // the first is nobody
	ops     []porcupine.Operation
	unknown int    // locks of unknown outcome among ops
	ghosts  []span // when locks that were left out may have had the seat
	left    int    // refusals that are not judged, because too much about them is unknown
}

// mayEnd says whether the hold can be over at ret.
func (q *leaseSeat) mayEnd(s leaseState, ret time.Duration) bool {
	return ret >= min(s.loEnd, q.tokens[s.holder].cut)
}

// mayLast says whether the hold can still be on.
func (q *leaseSeat) mayLast(s leaseState) bool {
	t := q.tokens[s.holder]
	return s.holder != 0 && (s.bought || t.endless || s.lo <= max(s.hiEnd, t.floor))
}

// step is the lock store: what the op may find, and what it leaves. It is the
// model of a timed lease, one seat at a time.
func (s leaseState) step(o *leaseOp) (bool, leaseState) {
	q := o.seat
	if s.lo = max(s.lo, o.call); o.ret < s.lo {
		return false, s // it was over before what came first
	}
	mine := s.holder == o.token && o.token != 0
	switch o.verb {
	case took:
		return s.take(o, mine)
	case tookIt:
		return true, s.perhaps(o, mine)
	case kept:
		next := s
		next.loEnd, next.hiEnd = max(s.loEnd, s.lo+o.left-q.slack), o.ret+o.left+q.slack
		return mine && !s.bought && q.mayLast(s), next
	case gave:
		if mine && !s.bought && q.mayLast(s) {
			return true, leaseState{lo: s.lo}
		}
		return o.soft, s
	case bought:
		next := s
		if !o.soft {
			next.bought, next.loEnd, next.hiEnd = true, forever, forever
		}
		return mine && q.mayLast(s), next
	case taken:
		next := s
		next.loEnd = max(s.loEnd, s.lo) // it is on now
		return !mine && q.mayLast(s), next
	case gone:
		if !mine {
			return true, s
		}
		return !s.bought && q.mayEnd(s, o.ret), leaseState{lo: s.lo}
	default: // wiped: any hold may be lost, and any may be back
		s.bought, s.loEnd = false, min(s.loEnd, s.lo)
		if s.holder != 0 {
			s.hiEnd = forever
		}
		return true, s
	}
}

// perhaps is the state after a lock of unknown outcome that came to the store now.
// How long it got is not known; asked again by whoever has the seat, it takes
// nothing from the hold.
func (s leaseState) perhaps(o *leaseOp, mine bool) leaseState {
	if mine && s.bought {
		return s
	}
	ok, next := s.take(o, mine)
	if !ok {
		return s // it found the seat taken
	}
	next.hiEnd, next.loEnd = o.left, next.lo
	if mine {
		next.hiEnd, next.loEnd = max(s.hiEnd, o.left), s.loEnd
	}
	return next
}

// take grants the seat if it can be free, or the asker's already.
func (s leaseState) take(o *leaseOp, mine bool) (bool, leaseState) {
	q := o.seat
	switch {
	case mine && s.bought:
		return true, s
	case s.holder == 0 || mine:
	case s.bought || !q.mayEnd(s, o.ret):
		return false, s
	default: // it can only be had once the other hold is over
		s.lo = max(s.lo, min(s.loEnd, q.tokens[s.holder].cut))
	}
	next := leaseState{holder: o.token, lo: s.lo, loEnd: s.lo + o.left - q.slack, hiEnd: add(o.ret, o.left+q.slack)}
	if mine { // nothing shortens a hold
		next.loEnd = max(next.loEnd, s.loEnd)
	}
	return true, next
}

func add(a, b time.Duration) time.Duration {
	if a >= forever-b {
		return forever
	}
	return a + b
}

// leaseModel is the step as porcupine wants it.
func leaseModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return leaseState{} },
		Step: func(state, input, _ any) (bool, any) {
			return state.(leaseState).step(input.(*leaseOp))
		},
		DescribeOperation: func(input, _ any) string { return input.(*leaseOp).String() },
		DescribeState:     func(state any) string { return state.(leaseState).String() },
	}
}

// String describes the op in a picture.
func (o *leaseOp) String() string {
	name := o.seat.tokens[o.token].lock
	switch o.verb {
	case took:
		return fmt.Sprintf("lock: %s for %s", name, o.left)
	case tookIt:
		return fmt.Sprintf("lock: %s, unknown", name)
	case kept:
		return fmt.Sprintf("extend %s: %s left", name, o.left)
	case gave:
		return "release " + name
	case bought:
		return "purchase with " + name + ": accepted"
	case taken:
		return "lock: refused, taken"
	case gone:
		return name + ": told that it is over"
	}
	return "the store loses its memory"
}

// String describes the state in a picture.
func (s leaseState) String() string {
	switch {
	case s.holder == 0:
		return "free"
	case s.bought:
		return fmt.Sprintf("sold to lock %d", s.holder)
	}
	return fmt.Sprintf("held by lock %d, ends between %s and %s", s.holder, until(s.loEnd), until(s.hiEnd))
}
