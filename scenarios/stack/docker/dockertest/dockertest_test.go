package dockertest_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"

	"eventflow/scenarios/stack/docker"
	"eventflow/scenarios/stack/docker/dockertest"
)

func TestRequire(t *testing.T) {
	dockertest.Require(t)
	version, err := docker.Answers(t.Context())
	assert.NoError(t, err)
	assert.NotEmpty(t, version)
}

// Where nothing answers a test is skipped, and fails if it is required.
func TestRequireWithoutEngine(t *testing.T) {
	for required, status := range map[string]int{"": 0, "required": 1} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRequire$", "-test.v")
		cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nowhere.sock", dockertest.Required+"="+required)
		out, _ := cmd.CombinedOutput() // its status is what is asked for
		assert.Equal(t, status, cmd.ProcessState.ExitCode(), "%s", out)
		assert.Contains(t, string(out), "no container engine answers")
		assert.Contains(t, string(out), map[bool]string{true: "FAIL", false: "SKIP"}[required != ""])
	}
}
