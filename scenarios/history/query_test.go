package history_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
)

func TestClassify(t *testing.T) {
	lost := errors.New("i/o timeout")
	for _, tc := range []struct {
		name    string
		kind    history.Kind
		code    int
		claim   string
		problem string
		wrote   bool
		err     error
		want    history.Outcome
	}{
		{"accepted", history.Purchase, 202, "", "", true, nil, history.OK},
		{"a purchase that is merely 200", history.Purchase, 200, "", "", true, nil, history.Unknown},
		{"accepted, body lost", history.Purchase, 202, "", "", true, lost, history.Unknown},
		{"refused by rule", history.Purchase, 409, "none", "purchase_rejected", true, nil, history.Refused},
		{"refused by rule, no claim", history.Lock, 409, "", "seat_taken", true, nil, history.Refused},
		{"claimed none", history.Purchase, 503, "none", "queue_unavailable", true, nil, history.Refused},
		{"claimed none with 500", history.Purchase, 500, "none", "internal", true, nil, history.Refused},
		{"claimed none, answer torn", history.Purchase, 503, "none", "", true, lost, history.Unknown},
		{"claimed unknown", history.Purchase, 503, "unknown", "outcome_unknown", true, nil, history.Unknown},
		{"claimed unknown with 409", history.Purchase, 409, "unknown", "", true, nil, history.Unknown},
		{"claim and problem disagree", history.Purchase, 503, "none", "outcome_unknown", true, nil, history.Unknown},
		{"503 without claim", history.Purchase, 503, "", "", true, nil, history.Unknown},
		{"nginx gave up", history.Purchase, 504, "", "", true, nil, history.Unknown},
		{"nginx bad gateway", history.Lock, 502, "", "", true, nil, history.Unknown},
		{"request timeout", history.Lock, 408, "", "", true, nil, history.Unknown},
		{"redirect", history.Lock, 302, "", "", true, nil, history.Unknown},
		{"redirect with a claim", history.Lock, 302, "none", "", true, nil, history.Unknown},
		{"dial error", history.Purchase, 0, "", "", false, lost, history.Refused},
		{"timeout", history.Purchase, 0, "", "", true, lost, history.Unknown},
		{"nothing at all", history.Purchase, 0, "", "", true, nil, history.Unknown},
		{"lock", history.Lock, 201, "", "", true, nil, history.OK},
		{"release", history.Release, 204, "", "", true, nil, history.OK},
		{"lock lapsed", history.Extend, 410, "", "lock_lapsed", true, nil, history.Refused},
		{"register lost", history.Register, 0, "", "", true, lost, history.Unknown},
		{"read", history.Seats, 200, "", "", true, nil, history.OK},
		{"read failed", history.Seats, 503, "none", "unavailable", true, nil, history.Refused},
		{"read lost", history.Events, 0, "", "", true, lost, history.Refused},
		{"read torn", history.Events, 200, "", "", true, lost, history.Refused},
		{"status unknown is still only a read", history.Status, 503, "unknown", "outcome_unknown", true, nil, history.Refused},
		{"login wrong", history.Login, 401, "none", "wrong_credentials", true, nil, history.Refused},
		{"guest lost", history.Enter, 0, "", "", true, lost, history.Refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := history.Classify(tc.kind, tc.code, tc.claim, tc.problem, tc.wrote, tc.err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestServed(t *testing.T) {
	require.True(t, history.Op{Outcome: history.OK}.Served())
	require.True(t, history.Op{Outcome: history.Refused, Code: 409}.Served())
	require.False(t, history.Op{Outcome: history.Refused, Code: 503}.Served())
	require.False(t, history.Op{Outcome: history.Refused, Code: 429}.Served())
	require.False(t, history.Op{Outcome: history.Refused, Code: 408}.Served())
	require.False(t, history.Op{Outcome: history.Refused}.Served())
	require.False(t, history.Op{Outcome: history.Unknown, Code: 409}.Served())
	require.False(t, history.Op{}.Served())
}

func TestWindow(t *testing.T) {
	h := history.History{Phases: []history.Phase{
		{Name: "baseline", Start: 0, End: 100}, {Name: "cut", Start: 100, End: 200}, {Name: "recover", Start: 200, End: 300},
	}}
	window := func(phase string, faults ...history.Fault) [2]time.Duration {
		h.Faults = faults
		from, to, ok := h.Window(phase)
		require.True(t, ok)
		return [2]time.Duration{from, to}
	}
	own := func(inForce, heal time.Duration) history.Fault {
		return history.Fault{Phase: "cut", InForce: inForce, HealAt: heal, Healed: heal + 5}
	}
	require.Equal(t, [2]time.Duration{100, 200}, window("cut"))
	require.Equal(t, [2]time.Duration{120, 180}, window("cut", own(110, 190), own(120, 180)))
	require.Equal(t, [2]time.Duration{100, 200}, window("cut", own(110, 120), own(150, 160)), "flapping")
	require.Equal(t, [2]time.Duration{110, 200}, window("cut", own(110, 250)))
	require.Equal(t, [2]time.Duration{215, 300}, window("recover", own(110, 210)), "healed inside the next phase")
	require.Equal(t, [2]time.Duration{200, 290}, window("recover", own(110, 290)), "healed late in the next phase")
	require.Equal(t, [2]time.Duration{205, 300}, window("recover", own(110, 200)))
	require.Equal(t, [2]time.Duration{110, 200}, window("cut", own(110, 0)), "never healed")
	_, _, ok := h.Window("none")
	require.False(t, ok)
}

func TestHealedAndUnderFault(t *testing.T) {
	h := history.History{Ops: []history.Op{{ID: 1, Call: 5}, {ID: 2, Call: 50}}}
	_, ok := h.Healed()
	require.False(t, ok, "no fault, no heal")
	h.Faults = []history.Fault{{InForce: 10, HealAt: 20, Healed: 25}, {InForce: 12, HealAt: 18, Healed: 19}}
	at, ok := h.Healed()
	require.True(t, ok)
	require.Equal(t, time.Duration(25), at)
	require.Len(t, h.SinceHeal(), 1)
	require.False(t, h.UnderFault(9))
	require.True(t, h.UnderFault(10))
	require.False(t, h.UnderFault(20))
	h.Faults[1].Healed = 0
	_, ok = h.Healed()
	require.False(t, ok)
	require.Empty(t, h.SinceHeal())
}

func TestQuantileIsAMeasuredValue(t *testing.T) {
	ds := []time.Duration{40, 10, 30, 20}
	require.Equal(t, time.Duration(10), history.Quantile(ds, 0))
	require.Equal(t, time.Duration(20), history.Quantile(ds, 0.5))
	require.Equal(t, time.Duration(30), history.Quantile(ds, 0.51))
	require.Equal(t, time.Duration(40), history.Quantile(ds, 0.99))
	require.Equal(t, time.Duration(40), history.Quantile(ds, 1))
	require.Zero(t, history.Quantile(nil, 0.5))
}
