package invariant

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"eventflow/scenarios/history"
)

// defect is one way in which a lock store can be wrong.
type defect string

const (
	works        defect = "works"
	notAtomic    defect = "looks, then takes"
	anyRelease   defect = "lets anybody give back"
	shortLease   defect = "forgets too early"
	neverLapses  defect = "never forgets"
	simulatedTTL        = time.Second
)

// leaseSim is a lock store of one seat and its buyers, with delays on the way.
// Its clock and its dice are its own, so a seed is a history.
type leaseSim struct {
	defect  defect
	lost    float64 // share of answers that do not arrive
	dice    *rand.Rand
	now     time.Duration
	due     events
	holder  string
	until   time.Duration
	ops     []history.Op
	locks   int
	ending  time.Duration
	process int
}

type event struct {
	at time.Duration
	n  int
	do func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(e[i].at, e[j].at), cmp.Compare(e[i].n, e[j].n)) < 0
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// simulate plays five buyers for half a minute.
func simulate(d defect, lost float64, seed uint64) history.History {
	s := &leaseSim{defect: d, lost: lost, dice: rand.New(rand.NewPCG(seed, 7)), ending: 30 * time.Second}
	for b := range 5 {
		s.after(s.between(0, 500), func() { s.visit(b + 1) })
	}
	for s.due.Len() > 0 {
		e := heap.Pop(&s.due).(event)
		s.now = e.at
		e.do()
	}
	slices.SortStableFunc(s.ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	for i := range s.ops {
		s.ops[i].ID = int64(i + 1)
	}
	return history.History{Ops: s.ops, Complete: true, Ledger: &history.Ledger{At: 2 * time.Minute}}
}

func (s *leaseSim) after(d time.Duration, do func()) {
	heap.Push(&s.due, event{s.now + d, len(s.ops)<<20 + s.due.Len(), do})
}

// between is a duration between two numbers of milliseconds.
func (s *leaseSim) between(low, high int) time.Duration {
	return time.Duration(low+s.dice.IntN(high-low+1)) * time.Millisecond
}

// visit is one try of a buyer to get the seat, and what follows.
func (s *leaseSim) visit(buyer int) {
	if s.now > s.ending {
		return
	}
	s.locks++
	id := fmt.Sprintf("lock-%d", s.locks)
	s.lock(buyer, id, 0)
}

func (s *leaseSim) lock(buyer int, id string, attempt int) {
	o := history.Op{Kind: history.Lock, Buyer: buyer, Attempt: attempt, Event: 1, Seats: []string{"A-1"}, Call: s.now}
	s.ask(o, func(answer func(history.Op)) {
		if !s.isFree(id) {
			o.Outcome, o.Code, o.Problem = history.Refused, 409, "seat_taken"
			answer(o)
			return
		}
		take := func() {
			s.holder, s.until = id, s.now+s.lease()
			o.Outcome, o.Code, o.LockID, o.Expires = history.OK, 201, id, simulatedTTL
			answer(o)
		}
		if s.defect == notAtomic {
			s.after(s.between(5, 60), take)
			return
		}
		take()
	}, func(o history.Op) {
		switch {
		case o.Outcome == history.OK:
			s.after(s.between(1, 3000), func() { s.then(buyer, id) })
		case o.Outcome == history.Unknown && attempt == 0 && s.dice.IntN(2) == 0:
			s.after(s.between(10, 200), func() { s.lock(buyer, id, 1) })
		default:
			s.after(s.between(20, 600), func() { s.visit(buyer) })
		}
	})
}

func (s *leaseSim) isFree(id string) bool {
	return s.holder == "" || s.holder == id || s.defect != neverLapses && s.now >= s.until
}

func (s *leaseSim) lease() time.Duration {
	if s.defect == shortLease {
		return simulatedTTL / 5
	}
	return simulatedTTL
}

// then is what a buyer does with a hold: give it back, perhaps too late, extend
// it, or forget about it.
func (s *leaseSim) then(buyer int, id string) {
	again := func(history.Op) { s.after(s.between(20, 600), func() { s.visit(buyer) }) }
	o := history.Op{Buyer: buyer, Event: 1, Seats: []string{"A-1"}, LockID: id, Call: s.now}
	switch s.dice.IntN(4) {
	case 0:
		again(o)
	case 1:
		o.Kind = history.Extend
		s.ask(o, func(answer func(history.Op)) {
			if o.Outcome, o.Code = history.Refused, 410; s.has(id) {
				s.until = s.now + s.lease()
				o.Outcome, o.Code, o.Expires = history.OK, 200, simulatedTTL
			}
			answer(o)
		}, again)
	default:
		o.Kind = history.Release
		s.ask(o, func(answer func(history.Op)) {
			if o.Outcome, o.Code = history.Refused, 410; s.has(id) || s.defect == anyRelease {
				s.holder = ""
				o.Outcome, o.Code = history.OK, 204
			}
			answer(o)
		}, again)
	}
}

func (s *leaseSim) has(id string) bool {
	return s.holder == id && (s.now < s.until || s.defect == neverLapses)
}

// ask carries a request to the store and its answer back, unless that is lost:
// then the buyer waits a while and knows nothing.
func (s *leaseSim) ask(o history.Op, obey func(func(history.Op)), then func(history.Op)) {
	s.process++
	o.Process = s.process
	lost, wait := s.dice.Float64() < s.lost, s.between(1, 40)
	s.after(s.between(1, 40), func() {
		obey(func(answered history.Op) {
			answered.Process = o.Process
			if lost {
				answered.Outcome, answered.Code, answered.Expires, wait = history.Unknown, 0, 0, 500*time.Millisecond
				if answered.Kind == history.Lock {
					answered.LockID = ""
				}
			}
			s.after(wait, func() {
				answered.Return = s.now
				s.ops = append(s.ops, answered)
				then(answered)
			})
		})
	})
}
