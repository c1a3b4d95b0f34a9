package scenarios_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/report"
	"eventflow/toxiproxy/topology"
)

// TestCatalogue checks every scenario without a stack.
func TestCatalogue(t *testing.T) {
	names := map[string]bool{}
	for _, s := range scenarios.All() {
		assert.NoError(t, s.Validate(topology.EventFlow()))
		assert.False(t, names[s.Name], "two scenarios are called %s", s.Name)
		names[s.Name] = true
	}
}

// TestScenarios plays every scenario of the catalogue against the running
// system. Scenarios promise deadlines, so they need the machine to themselves:
// not with -short, under which other packages' tests run beside them.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("scenarios are played by `make chaos` and `make scenarios`")
	}
	l := openLab(t)
	for _, s := range scenarios.All() {
		t.Run(s.Name, func(t *testing.T) {
			res, err := l.Run(t.Context(), s)
			require.NoError(t, err, "the drill could not be carried out")
			assert.Equal(t, invariant.Pass, res.Report.Verdict, report.Why(res.History, res.Report))
		})
	}
}

// TestControlRun plays a scenario on whole links: without its fault it must not
// pass, or its witnesses prove nothing.
func TestControlRun(t *testing.T) {
	s := scenarios.PostgresCut().WithoutFaults()
	for i := range s.Phases {
		s.Phases[i].For = invariant.Duration(s.Phases[i].For.D() / 4)
	}
	res, err := openLab(t).Run(t.Context(), s)
	require.NoError(t, err)
	assert.NotEqual(t, invariant.Pass, res.Report.Verdict)
	var missing int
	for _, f := range res.Report.Of(invariant.NonVacuity) {
		if f.Verdict == invariant.Invalid {
			missing++
		}
	}
	assert.NotZero(t, missing, "the missing fault must be seen to be missing: %s", report.Why(res.History, res.Report))
}

func openLab(t *testing.T) *lab.Lab {
	t.Helper()
	s := openStack(t)
	return &lab.Lab{
		Map: topology.EventFlow(), Endpoints: s.Endpoints(), Artifacts: t.TempDir(), Logs: s.Logs, Exits: s.Exited(), Restart: s.Restart,
		Watch: func(e lab.Event) { t.Logf("%6.1f s  %-9s %s", e.Elapsed.Seconds(), e.Step, e.Text) },
	}
}
