package compose_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/compose"
)

// tree is this repository.
func tree() string { return filepath.Join("..", "..", "..") }

// load reads the shipped file, every profile of it.
func load(t *testing.T, env map[string]string) *types.Project {
	t.Helper()
	p, err := compose.Load(t.Context(), tree(), env, compose.AllProfiles)
	require.NoError(t, err)
	return p
}

func TestLoadFillsInWhatItIsGivenAndNothingElse(t *testing.T) {
	t.Setenv("EVENTFLOW_REDIS_PASSWORD", "from outside")
	assert.Equal(t, "local-lab-only", *load(t, nil).Services["redis"].Environment["REDISCLI_AUTH"])
	env := stack.NewSecrets().Compose()
	assert.Equal(t, env["EVENTFLOW_REDIS_PASSWORD"], *load(t, env).Services["redis"].Environment["REDISCLI_AUTH"])
}

func TestLoadMakesPathsAbsolute(t *testing.T) {
	for _, v := range load(t, nil).Services["nginx"].Volumes {
		if v.Type == types.VolumeTypeBind {
			assert.True(t, filepath.IsAbs(v.Source), v.Source)
			_, err := os.Stat(v.Source)
			assert.NoError(t, err)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	_, err := compose.Load(t.Context(), t.TempDir(), nil)
	assert.ErrorContains(t, err, "load docker-compose.yml")
}

// Whoever opens the shop to the people in the room opens it to readers of this
// repository.
func TestAnOpenedShopNeedsSecretsOfItsOwn(t *testing.T) {
	env := stack.NewSecrets().Compose()
	env["EVENTFLOW_BIND"] = "0.0.0.0"
	port := load(t, env).Services["nginx"].Ports[0]
	assert.Equal(t, "0.0.0.0", port.HostIP)
	assert.Equal(t, "8888", port.Published)
	for name := range stack.NewSecrets().Compose() {
		t.Run("without "+name, func(t *testing.T) {
			without := map[string]string{}
			for k, v := range env {
				if k != name {
					without[k] = v
				}
			}
			_, err := compose.Load(t.Context(), tree(), without)
			require.ErrorContains(t, err, name)
			require.ErrorContains(t, err, "make .env")
		})
	}
}
