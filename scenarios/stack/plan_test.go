package stack_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

func program(t *testing.T, n topology.Name) stack.Program {
	t.Helper()
	for _, p := range stack.Programs() {
		if p.Service == n {
			return p
		}
	}
	t.Fatalf("no program %s", n)
	return stack.Program{}
}

func environment(t *testing.T, n topology.Name, s stack.Secrets) map[string]string {
	t.Helper()
	return program(t, n).Environment(topology.EventFlow(), "here:1", topology.Link.Name, s)
}

func TestProgramsAreTheMapsNodesAndWorkers(t *testing.T) {
	var want, got []topology.Name
	for _, s := range topology.EventFlow().Services {
		if s.Role == topology.Node || s.Role == topology.Worker {
			want = append(want, s.Name)
		}
	}
	for _, p := range stack.Programs() {
		got = append(got, p.Service)
	}
	assert.Equal(t, want, got)
}

func TestEnvironment(t *testing.T) {
	s := stack.NewSecrets()
	t.Run("an app learns its own proxies, role and the public key", func(t *testing.T) {
		assert.Equal(t, map[string]string{
			"NODE": "app-2", "LISTEN_ADDR": "here:1", "AUTH_PUBLIC_KEY": s.PublicKey(),
			"POSTGRES_ADDR": "app-2_postgres", "POSTGRES_USER": "eventflow_app", "POSTGRES_PASSWORD": s.App, "POSTGRES_DB": "eventflow",
			"REDIS_ADDR": "app-2_redis", "REDIS_PASSWORD": s.Redis,
			"RABBITMQ_ADDR": "app-2_rabbitmq", "RABBITMQ_USER": "eventflow", "RABBITMQ_PASSWORD": s.Rabbit,
		}, environment(t, topology.App2, s))
	})
	t.Run("auth alone gets the private key, and only the database", func(t *testing.T) {
		assert.Equal(t, map[string]string{
			"NODE": "auth", "LISTEN_ADDR": "here:1", "AUTH_PRIVATE_KEY": base64.StdEncoding.EncodeToString(s.AuthSeed),
			"POSTGRES_ADDR": "auth_postgres", "POSTGRES_USER": "eventflow_auth", "POSTGRES_PASSWORD": s.Auth, "POSTGRES_DB": "eventflow",
		}, environment(t, topology.Auth, s))
	})
	t.Run("the consumer gets no key", func(t *testing.T) {
		env := environment(t, topology.Consumer, s)
		assert.Equal(t, "eventflow_consumer", env["POSTGRES_USER"])
		assert.NotContains(t, env, "AUTH_PUBLIC_KEY")
		assert.NotContains(t, env, "AUTH_PRIVATE_KEY")
	})
}
