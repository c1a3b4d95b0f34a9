package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/scenarios/stack/running"
	"eventflow/toxiproxy/topology"
)

// TestStackKnownByItsAddressesAlone plays somebody else's stack: one that is up, and
// of which the command line knows what its owner says and nothing else.
func TestStackKnownByItsAddressesAlone(t *testing.T) {
	e := strangersStack(t)
	proxies := []string{"--toxiproxy", e.Toxiproxy}

	code, out, errOut := call(t, append([]string{"cut", "app-1_redis", "--for", "30s"}, proxies...)...)
	require.Equal(t, exitPass, code, errOut)
	assert.Contains(t, out, "app-1_redis: refused")
	code, out, errOut = call(t, append([]string{"status"}, proxies...)...)
	require.Equal(t, exitPass, code, errOut)
	assert.Contains(t, out, "1 of 17 links broken")
	assert.Contains(t, out, "app-1_redis")
	code, out, errOut = call(t, append([]string{"heal"}, proxies...)...)
	require.Equal(t, exitPass, code, errOut)
	assert.Contains(t, out, "healed")
	code, out, errOut = call(t, append([]string{"events"}, proxies...)...)
	require.Equal(t, exitPass, code, errOut)
	assert.Contains(t, out, "app-1_redis")
	code, _, errOut = call(t, append([]string{"down"}, proxies...)...)
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, errOut, "not started by this lab")

	var found stackStatus
	t.Run("from the environment", func(t *testing.T) {
		t.Setenv("LAB_TOXIPROXY", e.Toxiproxy)
		code, out, errOut := call(t, "status", "--json")
		require.Equal(t, exitPass, code, errOut)
		var all []stackStatus
		require.NoError(t, json.Unmarshal([]byte(out), &all))
		require.Len(t, all, 1)
		found = all[0]
	})
	assert.Equal(t, running.Name, found.Name)
	assert.Len(t, found.Links, 17)
}

// TestAttachAsksEveryPart: what a drill gets to know of a stack by its addresses is
// what its own lab knows.
func TestAttachAsksEveryPart(t *testing.T) {
	own := strangersStack(t)
	c := running.Config{
		Toxiproxy: own.Toxiproxy, Shop: own.Shop, Observer: own.Observer, Rabbit: own.RabbitAPI,
		Redis: "redis://:" + own.RedisPassword + "@" + own.RedisAddr, Prometheus: own.Prometheus, Health: own.Health,
	}
	e, err := c.Attach(t.Context(), topology.EventFlow())
	require.NoError(t, err)
	assert.Equal(t, own.Links, e.Links)
	assert.Equal(t, own.Proxies, e.Proxies)
	own.Name, own.QueueLag, own.Links, own.Proxies = running.Name, 0, e.Links, e.Proxies
	own.AllowHost = "127.0.0.1"
	assert.Equal(t, own, e)

	for _, s := range c.Settings() {
		t.Setenv(s.Env, *s.Value)
	}
	code, out, errOut := call(t, "status", "--wait")
	require.Equal(t, exitPass, code, errOut)
	assert.Contains(t, out, "every part answers")
	assert.Contains(t, out, own.Shop+"/api/events")

	c.Redis = "redis://:wrong@" + own.RedisAddr
	_, err = c.Attach(t.Context(), topology.EventFlow())
	assert.ErrorContains(t, err, "redis: ")
}

// strangersStack is a stack whose run directory this test then forgets.
func strangersStack(t *testing.T) stack.Endpoints {
	t.Helper()
	s := native.New(native.Config{Env: map[string]string{"BCRYPT_COST": "4"}})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, s.Down(ctx))
	})
	err := s.Up(t.Context())
	var missing *native.MissingError
	if errors.As(err, &missing) && os.Getenv("CI") == "" {
		t.Skipf("SKIPPED: servers are missing on this machine: %v", err)
	}
	require.NoError(t, err)
	alone(t)
	return s.Endpoints()
}

func TestSecretsOfTheFileBesideCompose(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	secrets, from, err := composeSecrets()
	require.NoError(t, err)
	assert.Equal(t, stack.LocalSecrets(), secrets, "no source tree")
	assert.Equal(t, composeFile, from)

	require.NoError(t, os.WriteFile(composeFile, nil, 0o600))
	require.NoError(t, os.Mkdir("below", 0o700))
	t.Chdir(filepath.Join(dir, "below"))
	secrets, _, err = composeSecrets()
	require.NoError(t, err)
	assert.Equal(t, stack.LocalSecrets(), secrets, "no file of secrets")

	text := "# made by hand\n\nEVENTFLOW_REDIS_PASSWORD=\"quoted\"\n EVENTFLOW_POSTGRES_PASSWORD=plain\nnonsense\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, secretsFile), []byte(text), 0o600))
	secrets, from, err = composeSecrets()
	require.NoError(t, err)
	assert.Equal(t, "quoted", secrets.Redis)
	assert.Equal(t, "plain", secrets.Postgres)
	assert.Equal(t, stack.LocalSecrets().Rabbit, secrets.Rabbit)
	assert.Equal(t, filepath.Join(dir, secretsFile), from)

	require.NoError(t, os.WriteFile(filepath.Join(dir, secretsFile), []byte("EVENTFLOW_AUTH_PRIVATE_KEY=short\n"), 0o600))
	_, _, err = composeSecrets()
	assert.ErrorContains(t, err, secretsFile)
}
