package web

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUnit plays everything that needs no browser: the types, and test/unit.
func TestUnit(t *testing.T) {
	lookAt(t, "src", "test", "index.html", "package-lock.json", "tsconfig.json", "../system/openapi.yaml")
	if out, err := exec.CommandContext(t.Context(), "bash", "build.sh").CombinedOutput(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 3, exit.ExitCode(), "%s", out) // 3: it cannot be built here
		unbuildable(t, string(out))
	}
	tests, err := filepath.Glob("test/unit/*.test.js")
	require.NoError(t, err)
	require.NotEmpty(t, tests)
	for name, args := range map[string][]string{
		"types": {"npx", "--no-install", "tsc", "--noEmit", "-p", "."},
		"node":  append([]string{"node", "--test", "--test-reporter=dot"}, tests...),
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
			assert.NoErrorf(t, err, "%s", out)
		})
	}
}

// unbuildable skips loudly; a machine that judges changes must be able.
func unbuildable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(strings.TrimSpace(why) + ": CI must have it")
	}
	t.Skip(strings.TrimSpace(why))
}

// lookAt tells Go what the outcome depends on: it remembers a test that passed
// until a file changes that the test itself has looked at.
func lookAt(t *testing.T, roots ...string) {
	t.Helper()
	for _, root := range roots {
		require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			_, gone := os.Stat(path)
			return errors.Join(err, gone)
		}))
	}
}
