package invariant

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"eventflow/scenarios/history"
)

// TestAStalledMachineIsNotBlamedOnTheShop: the same missed deadline is broken on
// a machine that ran, invalid on one that stood still at the time, and broken
// again when it stood still at another time.
func TestAStalledMachineIsNotBlamedOnTheShop(t *testing.T) {
	at := func(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
	cases := []struct {
		name string
		late map[time.Duration]float64 // sample -> ms
		want Verdict
	}{
		{"nobody watched the clock", nil, Broken},
		{"the machine ran", map[time.Duration]float64{at(1): 5, at(2): 12, at(3): 5}, Broken},
		{"it stood still meanwhile", map[time.Duration]float64{at(1): 5, at(2): 400, at(3): 5}, Invalid},
		{"it stood still later", map[time.Duration]float64{at(1): 5, at(2): 5, at(3): 5, at(8): 5, at(9): 400}, Broken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := &view{h: &history.History{}}
			for s := range 10 {
				if ms, ok := c.late[at(float64(s))]; ok {
					v.h.Samples = append(v.h.Samples, history.Sample{At: at(float64(s)), Values: map[string]float64{LabLate: ms}})
				}
			}
			f := v.blameless(Finding{Invariant: Availability, Verdict: Broken}, at(1.5), at(3))
			assert.Equal(t, c.want, f.Verdict)
		})
	}
	pass := Finding{Verdict: Pass}
	v := &view{h: &history.History{Samples: []history.Sample{{At: at(1), Values: map[string]float64{LabLate: 900}}}}}
	assert.Equal(t, pass, v.blameless(pass, 0, at(2)), "a promise that was kept stays kept")
}

// TestOtherPeoplesWorkIsNotBlamedOnTheShop: a deadline that was missed while others
// had the machine proves nothing; a moment of it, or at another time, excuses
// nothing.
func TestOtherPeoplesWorkIsNotBlamedOnTheShop(t *testing.T) {
	cases := []struct {
		name string
		busy func(second float64) float64 // percent
		want Verdict
	}{
		{"nobody else", func(float64) float64 { return 2 }, Broken},
		{"a compiler meanwhile", func(s float64) float64 { return 80 }, Invalid},
		{"a quarter of a second of it", func(s float64) float64 {
			if s == 2 {
				return 100
			}
			return 5
		}, Broken},
		{"a compiler later", func(s float64) float64 {
			if s > 5 {
				return 90
			}
			return 0
		}, Broken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := &view{h: &history.History{}}
			for s := 0.25; s < 10; s += 0.25 {
				v.h.Samples = append(v.h.Samples, history.Sample{
					At: time.Duration(s * float64(time.Second)), Values: map[string]float64{ForeignCPU: c.busy(s)},
				})
			}
			f := v.blameless(Finding{Invariant: Availability, Verdict: Broken}, 1500*time.Millisecond, 3*time.Second)
			assert.Equal(t, c.want, f.Verdict, f.Detail)
		})
	}
}
