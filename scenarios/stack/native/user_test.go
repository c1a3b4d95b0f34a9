package native_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack/native"
	"eventflow/toxiproxy/topology"
)

// inner tells the test binary that it is run by TestAsAnotherUser.
const inner = "EVENTFLOW_TEST_INNER"

// A plain user has no namespaces, and neither has root in most containers. The
// whole suite runs again as each: nothing may outlive the lab there either.
func TestAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv(inner) != "" {
		t.Skip("only root can become somebody else")
	}
	if testing.Short() {
		t.Skip("runs the whole suite twice")
	}
	requireServers(t)
	dir := shared(t)
	t.Run("nobody", func(t *testing.T) {
		cmd := exec.Command(filepath.Join(dir, "suite"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		runSuite(t, cmd, dir)
	})
	t.Run("root without namespaces", func(t *testing.T) {
		setpriv, err := exec.LookPath("setpriv")
		if err != nil {
			t.Skip("setpriv is not installed")
		}
		runSuite(t, exec.Command(setpriv, "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", filepath.Join(dir, "suite")), dir)
	})
}

// shared is a folder that every user can read, with this test binary and the
// programs of a stack.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "eventflow-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	copyFile(t, os.Args[0], filepath.Join(dir, "suite"))
	for _, program := range programs(t) {
		copyFile(t, program, filepath.Join(dir, filepath.Base(program)))
	}
	return dir
}

// programs builds what the suite runs: the proxy server, and EventFlow unless
// only the servers are asked for.
func programs(t *testing.T) []string {
	t.Helper()
	st := open(t, func(c *native.Config) {
		if asked() != nil {
			c.Services = []topology.Name{topology.Toxiproxy}
		}
	})
	bin, err := st.Programs(t.Context())
	require.NoError(t, err)
	var paths []string
	for _, path := range bin {
		paths = append(paths, path)
	}
	return paths
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

// runSuite runs all tests but the caller's, with a temporary folder of the user's
// own.
func runSuite(t *testing.T, cmd *exec.Cmd, bin string) {
	t.Helper()
	tmp := filepath.Join(bin, strings.ReplaceAll(t.Name(), "/", "_"))
	require.NoError(t, os.Mkdir(tmp, 0o755))
	if c := cmd.SysProcAttr; c != nil {
		require.NoError(t, os.Chown(tmp, int(c.Credential.Uid), int(c.Credential.Gid)))
	}
	cmd.Args = append(cmd.Args, "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "HOME="+tmp, "GOCACHE="+filepath.Join(tmp, "go"), "EVENTFLOW_BIN="+bin, inner+"=1")
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "no tests to run")
	t.Logf("%d tests passed in %v", strings.Count(string(out), "--- PASS"), time.Since(begun).Round(time.Second))
	require.Empty(t, workingIn(tmp), "something is still running")
}
