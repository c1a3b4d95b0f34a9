package seatlock_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/ticket"
)

// model is what the lock of each buyer on the one seat should be, told in the
// plainest way: this is the specification.
type model struct {
	t       *testing.T
	f       *fixture
	event   int
	buyers  []ticket.Lock
	state   map[string]seatlock.State // by lock id; absent: never locked
	holder  string                    // lock id whose seat it is; "": free
	sold    bool
	open    map[string][]seatlock.Attempt
	unknown map[string]bool
}

func newModel(t *testing.T, f *fixture, event int) *model {
	m := &model{t: t, f: f, event: event, state: map[string]seatlock.State{}, open: map[string][]seatlock.Attempt{}, unknown: map[string]bool{}}
	for _, user := range []string{"ana", "bob", "eva"} {
		m.buyers = append(m.buyers, ticket.Lock{ID: uuid.NewString(), User: user, Event: event, Seats: []string{"A-1"}, AmountCents: 1})
	}
	return m
}

func (m *model) pick(rt *rapid.T) ticket.Lock { return rapid.SampledFrom(m.buyers).Draw(rt, "buyer") }

// rule fails unless err is exactly the expected broken rule, or nil.
func rule(rt *rapid.T, what string, err, want error) {
	if !errors.Is(err, want) || (want == nil && err != nil) {
		rt.Fatalf("%s: got %v, want %v", what, err, want)
	}
}

func (m *model) lock(rt *rapid.T) {
	w := m.pick(rt)
	s := m.state[w.ID]
	_, err := m.f.locks.Lock(m.t.Context(), w)
	switch {
	case s != "" && s != seatlock.StateLocked && s != seatlock.StateReleased:
		rule(rt, "lock", err, ticket.ErrLockInUse)
	case m.holder != "" && m.holder != w.ID:
		rule(rt, "lock", err, ticket.ErrSeatTaken)
	default:
		rule(rt, "lock", err, nil)
		m.state[w.ID], m.holder = seatlock.StateLocked, w.ID
	}
}

// blocked is the answer to whoever needs a simply held lock.
func (m *model) blocked(w ticket.Lock) error {
	switch m.state[w.ID] {
	case "":
		return ticket.ErrNoLock
	case seatlock.StateLocked:
		if m.holder == w.ID {
			return nil
		}
		return ticket.ErrLockLapsed
	case seatlock.StateReleased, seatlock.StateAbandoned:
		return ticket.ErrLockLapsed
	case seatlock.StateRejected:
		return ticket.ErrRejected
	}
	return ticket.ErrLockInUse
}

func (m *model) extend(rt *rapid.T) {
	w := m.pick(rt)
	_, err := m.f.locks.Extend(m.t.Context(), w.ID, w.User)
	rule(rt, "extend", err, m.blocked(w))
}

func (m *model) release(rt *rapid.T) {
	w := m.pick(rt)
	want := m.blocked(w)
	if m.state[w.ID] == seatlock.StateReleased {
		want = nil
	}
	rule(rt, "release", m.f.locks.Release(m.t.Context(), w.ID, w.User), want)
	if want == nil && m.state[w.ID] == seatlock.StateLocked {
		m.state[w.ID], m.holder = seatlock.StateReleased, ""
	}
}

// lapse is Redis's clock.
func (m *model) lapse(rt *rapid.T) {
	if m.holder == "" || m.state[m.holder] != seatlock.StateLocked {
		rt.Skip("nothing can lapse")
	}
	m.f.lapse(m.t, m.event, "A-1")
	m.holder = ""
}

func (m *model) begin(rt *rapid.T) {
	w := m.pick(rt)
	a, err := m.f.locks.BeginPurchase(m.t.Context(), w.ID, w.User, "app-1")
	switch s := m.state[w.ID]; s {
	case seatlock.StatePurchasing, seatlock.StateAccepted, seatlock.StateConfirmed:
		rule(rt, "begin", err, nil)
		if a.State != s {
			rt.Fatalf("begin: state %s, want %s", a.State, s)
		}
	default:
		want := m.blocked(w)
		rule(rt, "begin", err, want)
		if want != nil {
			return
		}
		m.state[w.ID] = seatlock.StatePurchasing
	}
	if a.ID != "" {
		m.open[w.ID] = append(m.open[w.ID], a)
	}
}

// end takes an open attempt and ends it in one of three ways.
func (m *model) end(rt *rapid.T) {
	w := m.pick(rt)
	if len(m.open[w.ID]) == 0 {
		rt.Skip("no attempt is open")
	}
	a := m.open[w.ID][0]
	m.open[w.ID] = m.open[w.ID][1:]
	purchasing := m.state[w.ID] == seatlock.StatePurchasing
	switch rapid.SampledFrom([]string{"accepted", "refused", "unknown"}).Draw(rt, "outcome") {
	case "accepted":
		rule(rt, "accepted", m.f.locks.Accepted(m.t.Context(), a), nil)
		if purchasing {
			m.state[w.ID] = seatlock.StateAccepted
		}
	case "unknown":
		rule(rt, "unknown", m.f.locks.Unknown(m.t.Context(), a), nil)
		m.unknown[w.ID] = m.unknown[w.ID] || purchasing
	case "refused":
		returned, err := m.f.locks.Refused(m.t.Context(), a)
		rule(rt, "refused", err, nil)
		want := purchasing && len(m.open[w.ID]) == 0 && !m.unknown[w.ID]
		if returned != want {
			rt.Fatalf("refused: returned %v, want %v", returned, want)
		}
		if want {
			m.state[w.ID] = seatlock.StateLocked
		}
	}
}

// settle is the ledger, which decides a purchase once.
func (m *model) settle(rt *rapid.T) {
	w := m.pick(rt)
	s := m.state[w.ID]
	if s != seatlock.StatePurchasing && s != seatlock.StateAccepted {
		rt.Skip("nothing to settle")
	}
	status, state := ticket.Confirmed, seatlock.StateConfirmed
	if rapid.Bool().Draw(rt, "rejected") {
		status, state = ticket.Rejected, seatlock.StateRejected
	}
	rule(rt, "settle", m.f.locks.Settle(m.t.Context(), []seatlock.Settlement{{Purchase: purchaseOf(w), Status: status}}), nil)
	m.state[w.ID] = state
	if status == ticket.Confirmed {
		m.sold = true
	} else if m.holder == w.ID {
		m.holder = ""
	}
}

// check compares the seat map with the model after every step.
func (m *model) check(rt *rapid.T) {
	want := ticket.Free
	switch {
	case m.sold:
		want = ticket.Sold
	case m.holder == "":
	case m.state[m.holder] == seatlock.StateLocked:
		want = ticket.Held
	default:
		want = ticket.Purchasing
	}
	if got := m.f.state(m.t, m.event, "A-1"); got != want {
		rt.Fatalf("the seat is %s, want %s", got, want)
	}
}

func TestLifeCycleFollowsItsModel(t *testing.T) {
	f := start(t, seatlock.Options{})
	event := 1000
	rapid.Check(t, func(rt *rapid.T) {
		event++
		m := newModel(t, f, event)
		rt.Repeat(map[string]func(*rapid.T){
			"lock": m.lock, "extend": m.extend, "release": m.release, "lapse": m.lapse,
			"begin": m.begin, "end": m.end, "settle": m.settle, "": m.check,
		})
	})
}
