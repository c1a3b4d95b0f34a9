package scenarios_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/report"
	"eventflow/scenarios/stack/native"
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
	for _, s := range scenarios.All() {
		t.Run(s.Name, func(t *testing.T) {
			res, err := labOn(t, stackFor(t, s)).Run(t.Context(), s)
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
	return labOn(t, openStack(t))
}

// stackFor is the shared stack, or one of the scenario's own if it needs EventFlow
// set up otherwise.
func stackFor(t *testing.T, s lab.Scenario) *native.Stack {
	t.Helper()
	if s.Needs.Zero() {
		return openStack(t)
	}
	own := native.New(native.Config{
		Env: map[string]string{"BCRYPT_COST": "4"}, ServiceEnv: s.Needs.Env, Settings: s.Needs.Settings, Edits: s.Needs.Edits,
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, own.Down(ctx), "stop the stack of %s", s.Name)
	})
	require.NoError(t, own.Up(t.Context()), "bring up the EventFlow that %s needs", s.Name)
	return own
}

func labOn(t *testing.T, s *native.Stack) *lab.Lab {
	t.Helper()
	return &lab.Lab{
		Map: topology.EventFlow(), Endpoints: s.Endpoints(), Artifacts: t.TempDir(), Logs: s.Logs, Exits: s.Exited(), Restart: s.Restart, Processes: s,
		Watch: func(e lab.Event) { t.Logf("%6.1f s  %-9s %s", e.Elapsed.Seconds(), e.Step, e.Text) },
	}
}
