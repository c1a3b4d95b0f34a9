package docker_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/docker"
	"eventflow/scenarios/stack/docker/dockertest"
	"eventflow/scenarios/stack/stacktest"
)

// labBase makes this test binary a laboratory: it brings a stack up on that block,
// says so on standard output, and waits to be killed.
const labBase = "EVENTFLOW_TEST_BASE"

func TestMain(m *testing.M) {
	if base, err := strconv.Atoi(os.Getenv(labBase)); err == nil {
		if err := lab(base); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func lab(base int) error {
	if err := docker.New(docker.Config{Base: base, Env: map[string]string{"BCRYPT_COST": "4"}}).Up(context.Background()); err != nil {
		return err
	}
	fmt.Println("up")
	select {}
}

// A laboratory that is killed cannot clean up. The reaper begins to ten seconds after
// nobody speaks to it any more, and then the next stack can have the block.
func TestLabIsKilled(t *testing.T) {
	dockertest.Require(t)
	base := ownBase(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), labBase+"="+strconv.Itoa(base))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // again is no harm
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the lab ended: %v", lines.Err())
	require.Error(t, nothing(t.Context(), engine(t), base), "it must be there before it can go")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // its error says that it was killed
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*stacktest.Patience)
	defer cancel()
	require.NoError(t, stack.Until(ctx, 100*time.Millisecond, func(ctx context.Context) error { return nothing(ctx, engine(t), base) }))
	t.Logf("nothing is left %v after the lab's end", time.Since(begun).Round(time.Millisecond))
	require.True(t, free(t, base))
}
