package docker_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/audit"
	"eventflow/scenarios/history"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/stacktest"
)

// roundTheProxies: a drill asks the proxies by which addresses the stores know them,
// and the stores who is connected. That the two agree is no matter of course where
// addresses are translated on the way; nor that a stranger is seen.
func roundTheProxies(t *testing.T, e stack.Endpoints) {
	a, err := audit.Open(t.Context(), audit.ConfigOf(e))
	require.NoError(t, err)
	defer a.Close()
	ctx, cancel := context.WithTimeout(t.Context(), stacktest.Patience)
	defer cancel()
	require.NoError(t, stack.Until(ctx, time.Second, func(context.Context) error { // the broker makes its list every 5 s
		stores := map[string]bool{}
		for _, p := range peers(t, a) {
			stores[p.Store] = true
			assert.True(t, p.Proxied, p)
		}
		if len(stores) < 3 {
			return fmt.Errorf("only %v have clients", slices.Sorted(maps.Keys(stores)))
		}
		return nil
	}))

	stranger, err := pgx.Connect(t.Context(), e.Observer+"&application_name=stranger")
	require.NoError(t, err)
	defer stranger.Close(t.Context())
	var strangers []string
	for _, p := range peers(t, a) {
		if !p.Proxied {
			strangers = append(strangers, p.Client)
		}
	}
	assert.Equal(t, []string{"postgres stranger"}, strangers)
}

func peers(t *testing.T, a *audit.Auditor) []history.Peer {
	t.Helper()
	l, err := a.Ledger(t.Context(), 999) // a sale that init.sql makes
	require.NoError(t, err)
	require.NotNil(t, l.Peers, "this proxy server does not tell: nobody would know")
	return l.Peers
}
