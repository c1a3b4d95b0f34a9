package lab

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// TestAServiceThatDiesOnItsWayUp is started until it answers, and the ends that are
// heard of afterwards do not end it once more.
func TestAServiceThatDiesOnItsWayUp(t *testing.T) {
	var journal bytes.Buffer
	tries := 0
	d := &drill{
		Lab: &Lab{Map: topology.EventFlow(), Restart: func(context.Context, topology.Name) error {
			if tries++; tries < 3 {
				return errors.New("it ended")
			}
			return nil
		}},
		scenario: Scenario{Supervised: []topology.Name{topology.Consumer}},
		rec:      history.NewRecorder(&journal, history.Meta{}),
		revived:  map[topology.Name]time.Time{},
	}
	first := stack.Exit{Service: topology.Consumer, At: time.Now(), Err: errors.New("exit status 71")}
	require.NoError(t, d.ended(t.Context(), first))
	assert.Equal(t, 3, tries)
	late := first
	late.At = d.revived[topology.Consumer].Add(-time.Millisecond)
	require.NoError(t, d.ended(t.Context(), late))
	assert.Equal(t, 3, tries, "it has come up since")
	again := first
	again.At = d.revived[topology.Consumer].Add(time.Millisecond)
	require.NoError(t, d.ended(t.Context(), again))
	assert.Equal(t, 4, tries)
	assert.ErrorContains(t, d.ended(t.Context(), stack.Exit{Service: topology.Auth, Err: errors.New("exit status 1")}), "ended by itself", "nobody supervises it")

	require.NoError(t, d.rec.Close())
	h, err := history.Read(&journal)
	require.NoError(t, err)
	require.Len(t, h.Faults, 3, "each death is on record")
	for _, f := range h.Faults {
		assert.NotZero(t, f.Healed)
	}
}
