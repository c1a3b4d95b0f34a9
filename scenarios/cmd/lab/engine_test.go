package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
)

// fakeDocker is a docker command that answers so, first on the PATH.
func fakeDocker(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\n"+script), 0o700))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

// answering makes a docker command of an engine's and compose's versions.
func answering(engine, compose string) string {
	say := func(version string) string {
		if version == "" {
			return "echo 'no such thing' >&2; exit 1"
		}
		return "echo " + version
	}
	return "case \"$1 $2\" in\n'version --format') " + say(engine) + ";;\n'compose version') " + say(compose) + ";;\n*) exit 1;;\nesac\n"
}

// TestMakeAndDoctorChooseAlike holds choose.sh and the doctor together.
func TestMakeAndDoctorChooseAlike(t *testing.T) {
	for name, c := range map[string]struct{ engine, compose, chosen, why string }{
		"both answer":              {"28.5.2+dfsg4", "2.40.3-3", onDocker, ""},
		"versions with a letter":   {"v25.0.0", "v2.24.1", onDocker, ""},
		"no engine":                {"", "2.40.3", onNative, "no container engine answers"},
		"an old engine":            {"20.10.24", "2.40.3", onNative, "older than 25"},
		"no compose":               {"28.5.2", "", onNative, "docker compose"},
		"the compose before":       {"28.5.2", "1.29.2", onNative, "docker compose"},
		"an engine without number": {"dev", "2.40.3", onNative, "older than 25"},
	} {
		t.Run(name, func(t *testing.T) {
			fakeDocker(t, answering(c.engine, c.compose))
			found := askContainers(t.Context())
			cmd := exec.Command("bash", "../../stack/choose.sh")
			var said bytes.Buffer
			cmd.Stderr = &said
			out, err := cmd.Output()
			require.NoError(t, err)
			assert.Equal(t, c.chosen, strings.TrimSpace(string(out)))
			assert.Equal(t, c.chosen == onDocker, found.why == nil, "%v", found.why)
			assert.Contains(t, said.String(), c.chosen)
			if c.why != "" {
				assert.ErrorContains(t, found.why, c.why)
				assert.Contains(t, said.String(), c.why)
				assert.NotEmpty(t, found.fix)
			}
		})
	}
}

// A machine without containers is a sound one, as long as it has the servers; and
// the other way round.
func TestOneWayToRunEventFlowIsEnough(t *testing.T) {
	fakeDocker(t, answering("", ""))
	var none []finding
	for _, f := range ways(t.Context()) {
		if strings.Contains(f.what, "--stack docker") {
			none = append(none, f)
		}
	}
	require.Len(t, none, 1)
	assert.ErrorContains(t, none[0].err, "no such thing", "what the command says is passed on")

	out := &printer{out: &bytes.Buffer{}}
	spare := finding{what: "a thing", err: assert.AnError, fix: "do this", spare: true}
	assert.Contains(t, spare.line(out), "not needed")
	spare.spare = false
	assert.Contains(t, spare.line(out), "fix: do this")
}

func TestSecretsForComposeComeBack(t *testing.T) {
	code, first, errOut := call(t, "env")
	require.Equal(t, exitPass, code, errOut)
	_, second, _ := call(t, "env")
	assert.NotEqual(t, first, second, "drawn anew")
	path := filepath.Join(t.TempDir(), secretsFile)
	require.NoError(t, os.WriteFile(path, []byte(first), 0o600))
	env, err := readEnv(path)
	require.NoError(t, err)
	secrets, err := stack.ComposeSecrets(func(name string) string { return env[name] })
	require.NoError(t, err)
	assert.Equal(t, env, secrets.Compose())
	assert.Len(t, secrets.Postgres, 32)
}
