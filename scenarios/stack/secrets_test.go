package stack_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
)

func TestSecrets(t *testing.T) {
	s, other := stack.NewSecrets(), stack.NewSecrets()
	assert.NotEqual(t, s, other)
	seen := map[string]bool{s.Postgres: true, s.App: true, s.Auth: true, s.Consumer: true, s.Redis: true, s.Rabbit: true, s.Grafana: true}
	assert.Len(t, seen, 7, "a password serves twice")

	public, err := base64.StdEncoding.DecodeString(s.PublicKey())
	require.NoError(t, err)
	message := []byte("a token")
	signed := ed25519.Sign(ed25519.NewKeyFromSeed(s.AuthSeed), message)
	assert.True(t, ed25519.Verify(public, message, signed), "the halves belong together")
}

func TestComposeSecretsReadsWhatComposeWrote(t *testing.T) {
	s := stack.NewSecrets()
	env := s.Compose()
	assert.Len(t, env, 9)
	got, err := stack.ComposeSecrets(func(name string) string { return env[name] })
	require.NoError(t, err)
	assert.Equal(t, s, got)
}

func TestComposeSecretsWithoutAFileAreTheLocalOnes(t *testing.T) {
	got, err := stack.ComposeSecrets(func(string) string { return "" })
	require.NoError(t, err)
	assert.Equal(t, stack.LocalSecrets(), got)
	assert.Len(t, got.AuthSeed, ed25519.SeedSize)
	for name, value := range got.Compose() {
		assert.True(t, strings.HasPrefix(value, "local-lab-only") || strings.HasSuffix(name, "_KEY"), "%s says that it is no secret", name)
	}
}

func TestComposeSecretsTakesOnePasswordAlone(t *testing.T) {
	got, err := stack.ComposeSecrets(func(name string) string {
		return map[string]string{"EVENTFLOW_REDIS_PASSWORD": "mine"}[name]
	})
	require.NoError(t, err)
	want := stack.LocalSecrets()
	want.Redis = "mine"
	assert.Equal(t, want, got)
}

func TestComposeSecretsRefusesKeysThatDoNotWork(t *testing.T) {
	one, other := stack.NewSecrets().Compose(), stack.NewSecrets().Compose()
	const private, public = "EVENTFLOW_AUTH_PRIVATE_KEY", "EVENTFLOW_AUTH_PUBLIC_KEY"
	for name, tt := range map[string]struct {
		env  map[string]string
		says string
	}{
		"halves of two keys": {map[string]string{private: one[private], public: other[public]}, "does not belong to"},
		"one half alone":     {map[string]string{private: one[private]}, "does not belong to"},
		"the other alone":    {map[string]string{public: one[public]}, "does not belong to"},
		"no base64":          {map[string]string{private: "$$$"}, "illegal base64"},
		"too short":          {map[string]string{private: "YWJj"}, "has 32 bytes, this one 3"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := stack.ComposeSecrets(func(name string) string { return tt.env[name] })
			require.ErrorContains(t, err, tt.says)
		})
	}
}
