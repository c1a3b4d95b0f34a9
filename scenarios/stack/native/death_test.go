package native_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

// labMode makes this test binary a laboratory: it brings a stack up, says so on
// standard output, and ends as the mode tells.
const (
	labMode = "EVENTFLOW_TEST_LAB"
	labBase = "EVENTFLOW_TEST_BASE"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(labMode); mode != "" {
		if err := lab(mode); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// lab runs until it is interrupted, or panics if the mode says so. It prints its
// state as soon as a first server runs, and again when all are up.
func lab(mode string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	base, err := strconv.Atoi(os.Getenv(labBase))
	if err != nil {
		return err
	}
	st := native.New(native.Config{
		Base: base, Services: asked(), Bin: os.Getenv("EVENTFLOW_BIN"), Env: map[string]string{"BCRYPT_COST": "4"},
		Progress: func(p stack.Progress) {
			if p.Service == topology.Nginx && p.State == stack.Ready {
				fmt.Println("under way")
			}
		},
	})
	if err := st.Up(ctx); err != nil {
		return err
	}
	if mode == "paused" {
		for n := range st.State().Children {
			if err := st.Pause(ctx, n); err != nil {
				return err
			}
		}
	}
	state, err := json.Marshal(st.State())
	if err != nil {
		return err
	}
	fmt.Println(string(state))
	if mode == "panic" {
		go panic("the lab has a bug")
	}
	<-ctx.Done()
	clean, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return st.Down(clean)
}

// subprocess is a laboratory in a process of its own, which a test may kill.
type subprocess struct {
	*exec.Cmd
	lines *bufio.Scanner
	ended chan error
}

func startLab(t *testing.T, mode string) *subprocess {
	t.Helper()
	requireServers(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), labMode+"="+mode, labBase+"="+strconv.Itoa(ownBase(t)))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &subprocess{Cmd: cmd, lines: bufio.NewScanner(out), ended: make(chan error, 1)}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return p
}

// line is the next line that the laboratory prints.
func (p *subprocess) line(t *testing.T) string {
	t.Helper()
	require.True(t, p.lines.Scan(), "the lab ended: %v", p.lines.Err())
	return p.lines.Text()
}

// up waits until the stack is up and returns its state.
func (p *subprocess) up(t *testing.T) native.State {
	t.Helper()
	require.Equal(t, "under way", p.line(t))
	var s native.State
	require.NoError(t, json.Unmarshal([]byte(p.line(t)), &s))
	return s
}

func TestLabDies(t *testing.T) {
	t.Run("killed while the stack is up", func(t *testing.T) {
		p := startLab(t, "wait")
		s := p.up(t)
		require.NoError(t, p.Process.Kill())
		_ = p.Wait()
		requireNothingRuns(t, s)
		requireSwept(t, s)
	})
	t.Run("killed half way up", func(t *testing.T) {
		p := startLab(t, "wait")
		require.Equal(t, "under way", p.line(t))
		s := stateOf(t, p.Process.Pid)
		require.NoError(t, p.Process.Kill())
		_ = p.Wait()
		requireNothingRuns(t, s)
		requireSwept(t, s)
	})
	t.Run("panics", func(t *testing.T) {
		p := startLab(t, "panic")
		p.Stderr = nil
		s := p.up(t)
		require.Error(t, p.Wait())
		requireNothingRuns(t, s)
		requireSwept(t, s)
	})
	t.Run("interrupted while the stack is up", func(t *testing.T) {
		p := startLab(t, "wait")
		s := p.up(t)
		require.NoError(t, p.Process.Signal(syscall.SIGINT))
		require.NoError(t, p.Wait())
		requireNothingRuns(t, s)
		assert.NoDirExists(t, s.Dir, "nobody needs to sweep after an orderly end")
	})
	t.Run("interrupted half way up", func(t *testing.T) {
		p := startLab(t, "wait")
		require.Equal(t, "under way", p.line(t))
		s := stateOf(t, p.Process.Pid)
		require.NoError(t, p.Process.Signal(syscall.SIGINT))
		require.Error(t, p.Wait(), "it did not come up, and says so")
		requireNothingRuns(t, s)
		assert.NoDirExists(t, s.Dir)
	})
}

// stateOf finds the stack of a laboratory that has not printed its state yet.
func stateOf(t *testing.T, lab int) native.State {
	t.Helper()
	all, err := native.List()
	require.NoError(t, err)
	for _, s := range all {
		if s.Lab.PID == lab {
			return s
		}
	}
	t.Fatalf("no stack of lab %d in %v", lab, all)
	return native.State{}
}

// requireNothingRuns waits, a few seconds at most, until no process works in the
// stack's directory and nothing listens at its addresses.
func requireNothingRuns(t *testing.T, s native.State) {
	t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.NoError(t, stack.Until(ctx, 10*time.Millisecond, func(ctx context.Context) error {
		for name, p := range s.Children {
			if p.Alive() {
				return fmt.Errorf("%s (pid %d) still runs", name, p.PID)
			}
		}
		if left := workingIn(s.Dir); len(left) > 0 {
			return fmt.Errorf("still there: %v", left)
		}
		return stacktest.Silent(ctx, s.Endpoints)
	}))
	t.Logf("nothing runs %v after the lab's end", time.Since(begun).Round(time.Millisecond))
}

// workingIn are the processes whose working directory is dir or below: every
// child of a stack is started there, and their children stay there.
func workingIn(dir string) []string {
	var found []string
	cwds, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range cwds {
		cwd, err := os.Readlink(link)
		if cwd = strings.TrimSuffix(cwd, " (deleted)"); err == nil && (cwd == dir || strings.HasPrefix(cwd, dir+string(filepath.Separator))) {
			name, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "comm"))
			found = append(found, filepath.Base(filepath.Dir(link))+" "+strings.TrimSpace(string(name)))
		}
	}
	return found
}

// requireSwept: the next start clears the directory of the dead, and its block
// can be had again.
func requireSwept(t *testing.T, s native.State) {
	t.Helper()
	require.NoError(t, native.Sweep(t.Context()))
	require.NoDirExists(t, s.Dir)
	require.NoFileExists(t, s.Dir+".lock")
	_, err := native.Load(s.Base)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestStopFromAnotherProcess(t *testing.T) {
	p := startLab(t, "wait")
	s := p.up(t)
	seen, err := native.Load(s.Base)
	require.NoError(t, err)
	assert.Equal(t, s.Endpoints, seen.Endpoints)
	assert.True(t, seen.Ready)

	go func() { p.ended <- p.Wait() }() // or it stays a zombie, which is no lab
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, native.Stop(ctx, s.Base))
	require.NoError(t, <-p.ended)
	requireNothingRuns(t, s)
	require.NoDirExists(t, s.Dir)
	require.NoError(t, native.Stop(ctx, s.Base), "nothing to stop")
}

// A directory left behind names a process that lives, but with another time of
// birth: somebody else's, who must not be killed.
func TestSweepKillsOnlyWhatALabStarted(t *testing.T) {
	bystander := exec.Command("sleep", "60")
	require.NoError(t, bystander.Start())
	t.Cleanup(func() { _ = bystander.Process.Kill(); _ = bystander.Wait() })
	orphan := exec.Command("sleep", "60")
	orphan.Env = []string{"EVENTFLOW_STACK=left-behind"}
	require.NoError(t, orphan.Start())
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()

	const base = 1100 // no stack is given it by itself
	dir := filepath.Join(native.RunDir(), strconv.Itoa(base))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	data, err := json.Marshal(native.State{ID: "left-behind", Base: base, Dir: dir, Children: map[topology.Name]native.Process{
		topology.RedisDB: {PID: bystander.Process.Pid, Start: "another boot/1"},
	}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stack.json"), data, 0o600))

	require.NoError(t, native.Sweep(t.Context()))
	require.NoDirExists(t, dir)
	require.NoError(t, bystander.Process.Signal(syscall.Signal(0)), "the bystander lives")
	var exit *exec.ExitError
	require.ErrorAs(t, <-ended, &exit, "the orphan was killed")
}
