package invariant_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

const (
	sale  = 1001
	price = 2500
)

// spec is what the histories of these tests must hold.
func spec() invariant.Spec {
	second := invariant.Duration(time.Second)
	return invariant.Spec{
		Bounds: []invariant.Bound{
			{Name: "warm reads", Phase: "cut", Kind: history.Seats, Want: invariant.Match{Code: []int{200}, Source: []string{"cache"}},
				Limit: invariant.AtLeast, Ratio: 0.99, Within: second * 3 / 10, MinOps: 10},
			{Name: "never an account", Phase: "cut", Kind: history.Register, Want: invariant.Match{Code: []int{201}},
				Limit: invariant.AtMost, MinOps: 3},
		},
		NoHang:    map[history.Kind]invariant.Duration{history.Purchase: 3 * second, history.Seats: second},
		Recovery:  []invariant.RecoveryBound{{Kind: history.Seats, First: 2 * second, Last: 2 * second, MinOps: 5}},
		Stale:     &invariant.Stale{Fresh: 2 * second, Outage: 30 * second, Seats: second, Source: []string{"postgres"}},
		Isolation: []invariant.Isolated{{Kind: history.Events, Phase: "cut", MinOps: 10}},
		Retries:   &invariant.Retries{MaxRatio: 1.5, MinOps: 3, MaxConnects: 20},
		Witnesses: []invariant.Witness{
			{Name: "faults felt", Measure: invariant.CountFaults, Phase: "cut", Min: 1},
			{Name: "time under fault", Measure: invariant.FaultMillis, Min: 5000},
			{Name: "accepted while cut", Measure: invariant.CountOps, Phase: "cut", Kind: history.Purchase, Match: invariant.Match{Code: []int{202}}, Min: 1},
			{Name: "the queue grew", Measure: invariant.SampleRise, Phase: "cut", Series: "queue_ready", Min: 5},
			{Name: "the queue was long", Measure: invariant.SampleMax, Series: "queue_ready", Min: 7},
			{Name: "unknown purchases", Measure: invariant.CountUnknown, Min: 2},
			{Name: "unknown purchases that landed", Measure: invariant.CountLanded, Min: 1},
			{Name: "rejections", Measure: invariant.CountRejected, Min: 1},
			{Name: "holds", Measure: invariant.CountHolds, Min: 3},
			{Name: "cut links", Measure: invariant.CountFaults, Layer: history.LinkLayer, Fault: "cut", Min: 1},
		},
	}
}

// simulation is a correct shop: it makes up what buyers do and answers as a
// correct EventFlow may.
type simulation struct {
	t       *rapid.T
	h       history.History
	process int
}

func (s *simulation) int(low, high int) int { return rapid.IntRange(low, high).Draw(s.t, "n") }

// ms is a duration between two numbers of milliseconds.
func (s *simulation) ms(low, high int) time.Duration {
	return time.Duration(s.int(low, high)) * time.Millisecond
}

// op appends an op that is called at the given instant by a process of its own,
// and answers when it returned.
func (s *simulation) op(call time.Duration, o history.Op) time.Duration {
	s.process++
	o.Process, o.Buyer, o.Event = s.process, s.process, sale
	o.Intended, o.Call, o.Return = call, call, call+s.ms(1, 200)
	s.h.Ops = append(s.h.Ops, o)
	return o.Return
}

func tx(lock string) string { return "tx-" + lock }

func lockOp(lock string, seats []string, ttl time.Duration) history.Op {
	return history.Op{Kind: history.Lock, Outcome: history.OK, Code: 201, LockID: lock, Transaction: tx(lock), Seats: seats, Expires: ttl}
}

func conflictOp(seats []string) history.Op {
	return history.Op{Kind: history.Lock, Outcome: history.Refused, Code: 409, Problem: "seat_taken", Claim: "none", Seats: seats}
}

func buyOp(lock string, seats []string, outcome history.Outcome) history.Op {
	o := history.Op{Kind: history.Purchase, Outcome: outcome, LockID: lock, Transaction: tx(lock), Seats: seats}
	switch outcome {
	case history.OK:
		o.Code = 202
	case history.Refused:
		o.Code, o.Claim, o.Problem = 503, "none", "queue_unavailable"
	default:
		o.Code, o.Claim, o.Problem = 503, "unknown", "outcome_unknown"
	}
	return o
}

func (s *simulation) settle(lock string, seats []string, status, reason string) {
	l := s.h.Ledger
	l.Purchases = append(l.Purchases, history.PurchaseRow{
		Transaction: tx(lock), Event: sale, Seats: seats, AmountCents: price * len(seats), Status: status, Reason: reason})
	if status != "CONFIRMED" {
		return
	}
	l.Effects[tx(lock)] = 1
	for _, seat := range seats {
		l.Sold = append(l.Sold, history.SoldSeat{Event: sale, Seat: seat, Transaction: tx(lock)})
	}
}

// story is what happens to one group of seats, from the first lock on until they
// are sold, in doubt, or nobody wants them any more.
func (s *simulation) story(group int, start time.Duration) {
	seats := make([]string, s.int(1, 3))
	for i := range seats {
		seats[i] = fmt.Sprintf("%c-%d", 'A'+i, group)
	}
	now := start
	for turn := range s.int(1, 4) {
		lock := fmt.Sprintf("lock-%d-%d", group, turn)
		ttl := time.Duration(s.int(2, 10)) * time.Second
		granted := now
		now = s.op(now, lockOp(lock, seats, ttl))
		if s.int(0, 1) == 1 {
			now = s.op(now+s.ms(0, 100), conflictOp(seats))
		}
		var over bool
		if now, over = s.turn(lock, seats, granted, now+s.ms(1, 900), ttl); over {
			return
		}
		now += s.ms(1, 500)
	}
}

func (s *simulation) turn(lock string, seats []string, granted, now, ttl time.Duration) (time.Duration, bool) {
	switch s.int(0, 6) {
	case 0: // bought
		s.op(now, buyOp(lock, seats, history.OK))
		s.settle(lock, seats, "CONFIRMED", "")
		return now, true
	case 1: // in doubt, and landed
		s.op(now, buyOp(lock, seats, history.Unknown))
		s.settle(lock, seats, "CONFIRMED", "")
		return now, true
	case 2: // in doubt, asked again, accepted
		now = s.op(now, buyOp(lock, seats, history.Unknown)) + s.ms(1, 300)
		s.op(now, buyOp(lock, seats, history.OK))
		s.settle(lock, seats, "CONFIRMED", "")
		return now, true
	case 3: // in doubt, and lost: the seats are nobody's any more
		s.op(now, buyOp(lock, seats, history.Unknown))
		return now, true
	case 4: // refused, given back
		now = s.op(now, buyOp(lock, seats, history.Refused)) + s.ms(1, 50)
		return s.op(now, history.Op{Kind: history.Release, Outcome: history.OK, Code: 204, LockID: lock}), false
	case 5: // extended, then left to lapse
		end := s.op(now, history.Op{Kind: history.Extend, Outcome: history.OK, Code: 200, LockID: lock, Expires: ttl})
		return end + ttl, false
	default: // left to lapse
		return max(now, granted+ttl+200*time.Millisecond), false
	}
}

// The stories that every green history has, so that each mutator finds its prey:
// lock-b is bought in the baseline, lock-c during the cut, lock-u landed without
// its buyer knowing, lock-r lost its seat to lock-b, lock-n was refused.
func (s *simulation) fixed() {
	now := s.op(time.Second, lockOp("lock-b", []string{"Z-1"}, 600*time.Second))
	s.op(now, buyOp("lock-b", []string{"Z-1"}, history.OK))
	s.settle("lock-b", []string{"Z-1"}, "CONFIRMED", "")
	s.op(25*time.Second, history.Op{Kind: history.Status, Outcome: history.OK, Code: 200, Transaction: tx("lock-b"), State: "confirmed"})

	now = s.op(12*time.Second, lockOp("lock-c", []string{"Z-2", "Z-3"}, 600*time.Second))
	s.op(now, buyOp("lock-c", []string{"Z-2", "Z-3"}, history.OK))
	s.settle("lock-c", []string{"Z-2", "Z-3"}, "CONFIRMED", "")

	now = s.op(13*time.Second, lockOp("lock-u", []string{"Z-4"}, 600*time.Second))
	s.op(now, buyOp("lock-u", []string{"Z-4"}, history.Unknown))
	s.settle("lock-u", []string{"Z-4"}, "CONFIRMED", "")

	// Its buyer never learned whether the lock was granted.
	lost := lockOp("lock-r", []string{"Z-1"}, 0)
	lost.Outcome, lost.Code = history.Unknown, 0
	now = s.op(500*time.Millisecond, lost)
	s.op(now, buyOp("lock-r", []string{"Z-1"}, history.Unknown))
	s.settle("lock-r", []string{"Z-1"}, "REJECTED", "seat_taken")

	now = s.op(14*time.Second, lockOp("lock-n", []string{"Z-5"}, 600*time.Second))
	s.op(now, buyOp("lock-n", []string{"Z-5"}, history.Refused))

	s.op(15*time.Second, lockOp("lock-h", []string{"Z-6"}, 600*time.Second)) // never given back

	now = s.op(18*time.Second, lockOp("lock-d", []string{"Z-9"}, 600*time.Second))
	s.op(now, buyOp("lock-d", []string{"Z-9"}, history.Unknown)) // not decided yet
}

func (s *simulation) reads() {
	for _, from := range []time.Duration{0, 11 * time.Second, 21 * time.Second} {
		for range 12 {
			s.op(from+s.ms(0, 8000), history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200, Source: "cache"})
		}
	}
	// Somebody looks at once, and on until recovery is beyond doubt.
	s.op(20500*time.Millisecond, history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200, Source: "cache"})
	s.op(30*time.Second, history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200, Source: "cache"})
	for range 4 {
		s.op(12*time.Second+s.ms(0, 5000), history.Op{Kind: history.Register, Outcome: history.Refused, Code: 503, Claim: "none"})
	}
}

// answers are what buyers are shown beside the seat maps, and what the doors say
// to forgers.
func (s *simulation) answers() {
	for _, from := range []time.Duration{time.Second, 11 * time.Second} {
		for i := range 10 {
			s.fixedOp(from+time.Duration(i)*500*time.Millisecond, history.Op{Kind: history.Events, Outcome: history.OK, Code: 200})
		}
	}
	for _, r := range []struct{ call, age, version int }{{5000, 1, 0}, {13000, 4, 0}, {19000, 7, 0}, {24000, 1, 2}, {26000, 0, 2}} {
		s.fixedOp(time.Duration(r.call)*time.Millisecond, history.Op{Kind: history.Event, Outcome: history.OK, Code: 200,
			Source: "copy", Version: r.version, Age: time.Duration(r.age) * time.Second})
	}
	s.fixedOp(5*time.Second, mapOp(0b111110))
	s.fixedOp(25*time.Second, mapOp(0b110000))
	s.fixedOp(16*time.Second, conflictOp([]string{"Z-5"}))
	s.fixedOp(17*time.Second, conflictOp([]string{"Z-2", "Z-3"}))
	s.fixedOp(18*time.Second, history.Op{Kind: history.Forge, Outcome: history.Refused, Code: 401, Forgery: "no-signature"})
}

// fixedOp is an op that takes ten milliseconds.
func (s *simulation) fixedOp(call time.Duration, o history.Op) {
	s.op(call, o)
	last := &s.h.Ops[len(s.h.Ops)-1]
	last.Return = last.Call + 10*time.Millisecond
}

// mapOp is a seat map whose n-th free bit stands for the n-th seat of the hall.
func mapOp(free byte) history.Op {
	return history.Op{Kind: history.Seats, Outcome: history.OK, Code: 200, Source: "cache", Free: []byte{free}}
}

// evidence is what the auditor found when all was over.
func (s *simulation) evidence() {
	l := s.h.Ledger
	s.h.Meta.Event = sale
	l.Held = []history.SeatHold{
		{Seat: "Z-1", State: "sold", TTL: -1},
		{Seat: "Z-6", Lock: "lock-h", State: "locked", TTL: 300 * time.Second},
		{Seat: "Z-9", Lock: "lock-d", State: "purchasing", TTL: -1},
	}
	l.Peers = []history.Peer{{Store: "redis", Client: "app-1", Addr: "127.0.0.1:50001", Proxied: true}}
	l.After = map[string]float64{"goroutines:app-1": 60, "queue_ready": 9000}
	s.h.Hall = []string{"Z-1", "Z-2", "Z-3", "Z-4", "Z-5", "Y-7"}
	s.h.Updates = []history.Update{
		{Version: 1, Call: 12 * time.Second, Return: 12050 * time.Millisecond},
		{Version: 2, Call: 16 * time.Second, Return: 16050 * time.Millisecond},
	}
	for i := range s.h.Samples {
		maps.Copy(s.h.Samples[i].Values, map[string]float64{
			"double_sold": 0, "goroutines:app-1": 50, "requests:app-1": float64(i), "accepted:app-1_redis": float64(10 * i)})
	}
}

// recount makes the hall show what the ledger says, at its price.
func recount(h *history.History) {
	hall := history.Hall{Seats: 500, PriceCents: price}
	for i := range h.Ledger.Purchases {
		row := &h.Ledger.Purchases[i]
		row.AmountCents = price * len(row.Seats)
		if row.Status == "CONFIRMED" && row.Event == sale {
			hall.Sold += len(row.Seats)
		}
	}
	hall.Free = hall.Seats - hall.Sold
	h.Ledger.Hall = &hall
}

func drawGreen(t *rapid.T) history.History { return draw(t, rapid.IntRange(0, 12).Draw(t, "groups")) }

// plain is a green history of nothing but the fixed stories.
func plain() history.History {
	return rapid.Custom(func(t *rapid.T) history.History { return draw(t, 0) }).Example(1)
}

func draw(t *rapid.T, groups int) history.History {
	raw, err := json.Marshal(spec())
	require.NoError(t, err)
	s := &simulation{t: t, h: history.History{
		Meta: history.Meta{Format: history.FormatVersion, Scenario: "green", Event: sale, Spec: raw},
		Phases: []history.Phase{
			{Name: history.Baseline, End: 10 * time.Second},
			{Name: "cut", Start: 11 * time.Second, End: 20 * time.Second},
			{Name: history.Recover, Start: 20500 * time.Millisecond, End: 32 * time.Second},
		},
		Faults: []history.Fault{{
			Index: 1, Name: "cut", Links: []string{"postgres"}, Phase: "cut", Start: 10200 * time.Millisecond, InForce: 10800 * time.Millisecond,
			HealAt: 20100 * time.Millisecond, Healed: 20400 * time.Millisecond, ReadBack: "enabled=false", Symptom: "refused", Bit: true,
		}},
		Ledger:   &history.Ledger{At: 300 * time.Second, Effects: map[string]int{}},
		Complete: true,
	}}
	for i, n := range []float64{0, 0, 0, 0, 0, 1, 9, 2, 0, 0} {
		s.h.Samples = append(s.h.Samples, history.Sample{At: time.Duration(i) * 2500 * time.Millisecond, Values: map[string]float64{"queue_ready": n}})
	}
	s.fixed()
	s.reads()
	s.answers()
	s.evidence()
	for g := range groups {
		s.story(g, s.ms(0, 30000))
	}
	recount(&s.h)
	return renumber(s.h)
}

// renumber puts the ops in the order of their calls.
func renumber(h history.History) history.History {
	slices.SortStableFunc(h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	for i := range h.Ops {
		h.Ops[i].ID = int64(i + 1)
	}
	return h
}

func TestEveryGreenHistoryPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := invariant.Judge(drawGreen(t))
		require.Empty(t, r.Failed())
		require.Equal(t, invariant.Pass, r.Verdict)
		require.Zero(t, r.Numbers.Lost+r.Numbers.Duplicated+r.Numbers.Phantoms)
		require.Equal(t, r.Numbers.Accepted, r.Numbers.Persisted)
		require.Equal(t, r.Numbers.Accepted, r.Numbers.AcceptedBaseline+r.Numbers.AcceptedFault+r.Numbers.AcceptedRecover)
	})
}

func TestAJournalGivesTheSameVerdictAsTheHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawGreen(t)
		require.Equal(t, invariant.Judge(h), invariant.Judge(reread(t, h)))
	})
}
