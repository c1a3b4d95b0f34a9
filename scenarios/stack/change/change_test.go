package change_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack/change"
	"eventflow/toxiproxy/topology"
)

type values = map[topology.Name]map[string]string

func TestChangeThatWouldChangeNothingIsRefused(t *testing.T) {
	assert.NoError(t, change.Changes{}.Validate())
	err := change.Changes{
		Settings:   values{topology.App1: {"a": "b"}},
		ServiceEnv: values{topology.RedisDB: {"A": "b"}},
		Edits:      []overlay.Edit{{File: "README.md"}, {File: "system/openapi.yaml"}},
	}.Validate()
	for _, part := range []string{`settings of "app-1"`, `environment of "redis"`, "edit of README.md", "edit of system/openapi.yaml"} {
		assert.ErrorContains(t, err, part)
	}
	assert.NoError(t, change.Changes{
		Settings:   values{topology.RabbitMQ: {"channel_max": "77"}},
		ServiceEnv: values{"": {"A": "b"}, topology.Auth: {"A": "c"}},
		Edits:      []overlay.Edit{{File: change.Schema}, {File: change.SiteTemplate}, {File: "system/cmd/app/main.go"}},
	}.Validate())
}

func TestTheNearestWordWins(t *testing.T) {
	c := change.Changes{
		Env:        map[string]string{"A": "all", "B": "all"},
		ServiceEnv: values{"": {"B": "every", "C": "every"}, topology.Auth: {"C": "auth"}},
		Settings:   values{topology.RedisDB: {"b": "2", "a": "1"}},
	}
	env := map[string]string{"A": "stack", "NODE": "auth"}
	c.Tell(topology.Auth, env)
	assert.Equal(t, map[string]string{"NODE": "auth", "A": "all", "B": "every", "C": "auth"}, env)
	assert.Equal(t, map[string]string{"a": "1", "b": "2"}, maps.Collect(c.Set(topology.RedisDB)))
	assert.Empty(t, maps.Collect(c.Set(topology.PostgresDB)))
}

func TestSource(t *testing.T) {
	dir, err := change.Source("")
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(dir, "go.mod"))
	t.Chdir(os.TempDir())
	_, err = change.Source("")
	assert.ErrorContains(t, err, "no EventFlow source tree")
}

func TestBuildErrorIsTheCompilers(t *testing.T) {
	err := change.Build(t.Context(), t.TempDir(), t.TempDir(), "", nil, change.Package("app"))
	var wrong *change.BuildError
	require.ErrorAs(t, err, &wrong)
	assert.ErrorContains(t, err, "do not compile")
	assert.ErrorContains(t, err, "./system/cmd/app")
}
