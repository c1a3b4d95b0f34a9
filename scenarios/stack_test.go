package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
)

// shared is the one stack that this package's tests use: a boot costs seconds,
// and tests keep apart by selling different events.
var shared struct {
	once  sync.Once
	stack *native.Stack
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stack != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		if err := shared.stack.Down(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "stop the stack:", err)
			code = 1
		}
		cancel()
	}
	os.Exit(code)
}

// openStack brings EventFlow up for the first test that asks. Without servers on
// this machine the test is skipped, loudly; in CI that is a failure.
func openStack(t *testing.T) *native.Stack {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		shared.stack = native.New(native.Config{Env: map[string]string{"BCRYPT_COST": "4"}})
		shared.err = shared.stack.Up(ctx)
	})
	var missing *native.MissingError
	if errors.As(shared.err, &missing) && os.Getenv("CI") == "" {
		t.Skipf("servers are missing on this machine: %v", shared.err)
	}
	require.NoError(t, shared.err, "bring EventFlow up")
	return shared.stack
}

func endpoints(t *testing.T) stack.Endpoints {
	t.Helper()
	return openStack(t).Endpoints()
}
