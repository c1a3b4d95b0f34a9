package stacktest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/selftest"
	"eventflow/toxiproxy/topology"
)

// Faults is the part of the suite for what the laboratory does to links: on every
// stack each kind of fault is felt as what it is, from where the laboratory stands,
// and heals. The stack is up and whole; afterwards it is so again.
//
// Which protocols a fault is felt in is the self-test's to prove. Here each has one
// link to itself, so that all can be in force at once.
func (s Suite) Faults(t *testing.T, st stack.Stack) {
	m := topology.EventFlow()
	if !s.runs(topology.App1) {
		t.Skip("this stack has links that lead nowhere")
	}
	injector := lab.NewInjector(m, st.Endpoints(), fault.Lease("conformance suite", Patience), fault.Patience(linkPatience))
	defer func() { assert.NoError(t, injector.Close()) }()
	faults := selftest.Catalogue()
	require.LessOrEqual(t, len(faults), len(m.Links), "a link for each fault")
	t.Run("Bite", func(t *testing.T) {
		for n, f := range faults {
			f.Links = []string{m.Links[n].Name()}
			t.Run(f.String(), func(t *testing.T) {
				t.Parallel()
				bite(t, injector, f)
			})
		}
	})
	t.Run("Lapse", func(t *testing.T) { lapse(t, injector, m.Links[0]) })
}

// lapse: nobody heals, and the link is whole all the same when the fault's time is
// over. Whoever broke it may have been killed meanwhile.
func lapse(t *testing.T, injector *fault.Injector, l topology.Link) {
	const lasts = time.Second
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	begun := time.Now()
	applied, err := injector.ApplyFor(ctx, fault.Cut(l.Name()), lasts)
	require.NoError(t, err)
	require.True(t, applied.Bit, applied.Reason)
	require.NoError(t, stack.Until(ctx, pollEvery, func(ctx context.Context) error {
		if s := injector.Probe(ctx, l); s.Kind != fault.Answered {
			return fmt.Errorf("%s: %s", l, s)
		}
		return nil
	}))
	assert.GreaterOrEqual(t, time.Since(begun), lasts, "it healed before its time")
}

// linkPatience is how long a link must be silent to be called so, on a machine that
// is busy with everything else, too.
const linkPatience = 2 * time.Second

// bite wants the fault felt, and a round trip through its link when it is healed.
func bite(t *testing.T, injector *fault.Injector, f fault.Fault) {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Patience)
		defer cancel()
		assert.NoError(t, injector.Heal(ctx, f.Links...))
	}()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	applied, err := injector.Apply(ctx, f)
	require.NoError(t, err)
	t.Logf("read back %s; felt %s", applied.ReadBack, applied.Symptom)
	assert.True(t, applied.Bit, applied.Reason)
}
