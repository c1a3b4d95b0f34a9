package scenarios_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"eventflow/scenarios"
	"eventflow/scenarios/lab"
)

// workflow is what GitHub reads, as far as this test looks at it.
type workflow struct {
	On          map[string]any    `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency map[string]string `yaml:"concurrency"`
	Jobs        map[string]struct {
		RunsOn  string            `yaml:"runs-on"`
		Timeout int               `yaml:"timeout-minutes"`
		Env     map[string]string `yaml:"env"`
		Steps   []struct {
			Name string            `yaml:"name"`
			Uses string            `yaml:"uses"`
			Run  string            `yaml:"run"`
			If   string            `yaml:"if"`
			With map[string]string `yaml:"with"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

// pinned is an action by its major version: no branch that changes under one's feet.
var pinned = regexp.MustCompile(`^[\w.-]+/[\w.-]+@v\d+$`)

// TestWorkflow: nobody can play GitHub here, but that its commands exist and that
// no job can run away is seen without it.
func TestWorkflow(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", ".github", "workflows", "chaos.yml"))
	require.NoError(t, err)
	var w workflow
	require.NoError(t, yaml.Unmarshal(text, &w))
	for _, event := range []string{"pull_request", "push", "schedule", "workflow_dispatch"} {
		assert.Contains(t, w.On, event)
	}
	assert.Equal(t, map[string]string{"contents": "read"}, w.Permissions)
	assert.NotEmpty(t, w.Concurrency["group"])
	require.Len(t, w.Jobs, 3)
	targets := makeTargets(t)
	for name, job := range w.Jobs {
		assert.Equal(t, "ubuntu-latest", job.RunsOn, name)
		assert.NotZero(t, job.Timeout, "%s runs for hours if it hangs", name)
		assert.Contains(t, []string{"native", "docker"}, job.Env["STACK"], "%s says where it plays", name)
		var uploads, summaries int
		for _, s := range job.Steps {
			if s.Uses != "" {
				assert.Regexp(t, pinned, s.Uses, name)
			}
			for _, target := range targetsOf(s.Run) {
				assert.Contains(t, targets, target, "%s: %s", name, s.Run)
			}
			if strings.HasPrefix(s.Uses, "actions/upload-artifact@") {
				uploads++
				assert.Equal(t, "always()", s.If, "the artifacts of a failure are the ones that are wanted")
			}
			if strings.Contains(s.Run, "GITHUB_STEP_SUMMARY") {
				summaries++
				assert.Equal(t, "always()", s.If, name)
			}
		}
		assert.Equal(t, []int{1, 1}, []int{uploads, summaries}, name)
	}
}

// TestCIScripts: what they call exists.
func TestCIScripts(t *testing.T) {
	targets := makeTargets(t)
	for _, script := range []string{"run", "docker"} {
		path := filepath.Join("..", ".ci", script)
		out, err := exec.Command("bash", "-n", path).CombinedOutput()
		require.NoError(t, err, "%s", out)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		called := targetsOf(string(text))
		assert.NotEmpty(t, called, script)
		for _, target := range called {
			assert.Contains(t, targets, target, script)
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&0o100, "%s can be started", script)
	}
}

// TestContainersPlayWhatIsThere: the scenarios that are played on containers for
// every change belong to the gate.
func TestContainersPlayWhatIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", ".ci", "docker"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "scenarios=(\n")
	require.True(t, found)
	list, _, _ := strings.Cut(rest, "\n)")
	for line := range strings.Lines(list) {
		name, why, found := strings.Cut(strings.TrimSpace(line), "#")
		assert.True(t, found && strings.TrimSpace(why) != "", "%s: a reason", line)
		i := slices.IndexFunc(scenarios.All(), func(s lab.Scenario) bool { return s.Name == strings.TrimSpace(name) })
		if assert.GreaterOrEqual(t, i, 0, "no scenario is called %q", name) {
			assert.True(t, scenarios.All()[i].Gate, name)
		}
	}
}

// targetsOf are the targets that a script's lines hand to make.
func targetsOf(script string) (targets []string) {
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if i := slices.Index(words, "make"); i >= 0 && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			for _, w := range words[i+1:] {
				if target.MatchString(w) {
					targets = append(targets, w)
					break
				}
			}
		}
	}
	return targets
}

var target = regexp.MustCompile(`^[a-z]+$`)

func makeTargets(t *testing.T) (targets []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "Makefile"))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^([.a-z-]+):`).FindAllStringSubmatch(string(text), -1) {
		targets = append(targets, m[1])
	}
	return targets
}
