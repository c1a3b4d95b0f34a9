package lab_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

func sound() lab.Scenario {
	return lab.Scenario{
		Name:  "redis-cut",
		Claim: lab.Text{ES: "algo", EN: "something"},
		Phases: []lab.Phase{
			{Name: "baseline", For: invariant.Duration(time.Second)},
			{Name: "cut", For: invariant.Duration(2 * time.Second), Faults: []fault.Fault{fault.Cut("redis")}},
		},
		Spec: invariant.Spec{Witnesses: []invariant.Witness{{Name: "it bit", Measure: invariant.CountFaults, Min: 1}}},
	}
}

// TestAScenarioThatProvesNothingIsRefused: before it runs, each with its reason.
func TestAScenarioThatProvesNothingIsRefused(t *testing.T) {
	require.NoError(t, sound().Validate(topology.EventFlow()))
	cases := []struct {
		name   string
		change func(*lab.Scenario)
		says   string
	}{
		{"no name", func(s *lab.Scenario) { s.Name = "" }, "needs a name"},
		{"one language", func(s *lab.Scenario) { s.Claim.ES = "" }, "both languages"},
		{"no phases", func(s *lab.Scenario) { s.Phases = nil }, "no phases"},
		{"a phase of no length", func(s *lab.Scenario) { s.Phases[1].For = 0 }, "cut lasts 0s"},
		{"two phases of one name", func(s *lab.Scenario) { s.Phases[1].Name = "baseline" }, "used twice"},
		{"a fault on no link", func(s *lab.Scenario) { s.Phases[1].Faults[0].Links = nil }, "at least one link"},
		{"a fault on an unknown link", func(s *lab.Scenario) { s.Phases[1].Faults[0].Links = []string{"app-9_redis"} }, "app-9_redis"},
		{"no witnesses", func(s *lab.Scenario) { s.Spec.Witnesses = nil }, "a pass would prove nothing"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := sound()
			c.change(&s)
			assert.ErrorContains(t, s.Validate(topology.EventFlow()), c.says)
		})
	}
}

func TestWhatOnlyProgramsCountIsLeftOut(t *testing.T) {
	s := sound()
	assert.Equal(t, s, s.Uncounted())
	s.Spec.Retries = &invariant.Retries{MaxRatio: 2, MaxConnects: 50}
	assert.Equal(t, &invariant.Retries{MaxConnects: 50}, s.Uncounted().Spec.Retries)
	assert.InDelta(t, 2, s.Spec.Retries.MaxRatio, 0, "the scenario itself is left as it was")
	assert.Equal(t, s.Spec.Witnesses, s.Uncounted().Spec.Witnesses)
}

func TestTheControlRunKeepsEverythingButTheFaults(t *testing.T) {
	s := sound()
	control := s.WithoutFaults()
	assert.Empty(t, control.Phases[1].Faults)
	assert.Equal(t, s.Phases[1].For, control.Phases[1].For)
	assert.Equal(t, s.Spec, control.Spec)
	assert.Len(t, s.Phases[1].Faults, 1, "the scenario itself is left as it was")
	assert.Equal(t, 3*time.Second, s.Duration())
}
