// Package web_test plays the shop's page in a real browser on a real EventFlow.
//
// This file brings up what the tests in test/browser need and tells them where it
// answers; what a page has to do stands there.
package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/toxiproxy/topology"
)

const (
	// playDeadline is ten times what a lane takes on two idle cores: other packages'
	// tests run beside it.
	playDeadline  = 12 * time.Minute
	stackDeadline = 3 * time.Minute
)

// lane is tests that share an EventFlow: one file after the other, for a fault is
// everybody's. Lanes run side by side, since most of a test is waiting.
type lane struct {
	name  string
	env   map[string]string // of the programs
	files []string          // in test/browser
}

func lanes() []lane {
	return []lane{
		{name: "buying", files: []string{"journey", "rivals", "postgres", "outcomes"}},
		{name: "trouble", files: []string{"survive", "crowd"}},
		// Holds that are long enough to be seen on a busy machine and short enough to be
		// waited for.
		{name: "looks", env: map[string]string{"LOCK_TTL": "16s"}, files: []string{"brief", "looks"}},
	}
}

func TestBrowser(t *testing.T) {
	browser := chromium()
	if _, err := exec.LookPath("node"); err != nil {
		unable(t, "Node is not installed: the page is not tested in a browser")
	}
	if browser == "" {
		unable(t, "Chromium is not installed: the page is not tested in a browser")
	}
	if err := native.Installed(); err != nil {
		unable(t, err.Error())
	}
	pages(t)
	shots := shots(t)
	for _, l := range lanes() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			play(t, l.files, map[string]string{
				"CHROMIUM": browser, "EVENTFLOW_STACK": describe(t, up(t, l.env)), "EVENTFLOW_SHOTS": shots, "EVENTFLOW_LANE": l.name,
			})
		})
	}
}

// unable skips loudly; a machine that judges changes must be able.
func unable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why + ", and CI must have it")
	}
	t.Skip(why)
}

// chromium is the browser to use: that of $CHROMIUM, or the first of the names that
// the systems give it; empty: there is none.
func chromium() string {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// pages builds what is going to be looked at.
func pages(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bash", "build.sh").CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		unable(t, string(out))
	}
	require.NoErrorf(t, err, "build the pages: %s", out)
}

// up brings an EventFlow up and takes it down when the test ends.
func up(t *testing.T, env map[string]string) *native.Stack {
	t.Helper()
	st := native.New(native.Config{
		Bin:        os.Getenv("EVENTFLOW_BIN"),
		Env:        map[string]string{"BCRYPT_COST": "4"},
		ServiceEnv: map[topology.Name]map[string]string{"": env},
		Services: []topology.Name{
			topology.Nginx, topology.App1, topology.App2, topology.App3, topology.Auth, topology.Consumer,
			topology.RedisDB, topology.RabbitMQ, topology.PostgresDB, topology.Toxiproxy,
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), stackDeadline)
	defer cancel()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stackDeadline)
		defer cancel()
		assert.NoError(t, st.Down(ctx), "down")
	})
	require.NoError(t, st.Up(ctx), "up")
	return st
}

// address is what a test is told of a stack: where it answers, and nothing of its
// passwords.
type address struct {
	Shop      string `json:"shop"`      // nginx: what buyers see
	Status    string `json:"status"`    // nginx's own counters
	Toxiproxy string `json:"toxiproxy"` // breaks and heals links
	Control   string `json:"control"`   // kills and heals services
}

func describe(t *testing.T, st *native.Stack) string {
	t.Helper()
	nginx, _ := topology.EventFlow().Service(topology.Nginx)
	block, e := topology.Block{Base: st.State().Base}, st.Endpoints()
	text, err := json.Marshal(address{
		Shop: e.Shop, Toxiproxy: e.Toxiproxy, Control: control(t, st),
		Status: fmt.Sprintf("http://127.0.0.1:%d/stub_status", block.Extra(nginx, "status")),
	})
	require.NoError(t, err)
	return string(text)
}

// control lets the tests kill a service and heal it, sell a seat round the shop, as
// a box office would, and put a small hall on sale: POST /kill/nginx, /heal/nginx,
// /sell/999/A-1, /open/303.
func control(t *testing.T, st *native.Stack) string {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(do func(*http.Request) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := do(r); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
	}
	mux.HandleFunc("POST /kill/{service}", answer(func(r *http.Request) error {
		effect, err := st.Apply(r.Context(), stack.Kill(topology.Name(r.PathValue("service"))))
		if err == nil && !effect.Bit {
			err = errors.New(effect.Reason)
		}
		return err
	}))
	mux.HandleFunc("POST /heal/{service}", answer(func(r *http.Request) error {
		_, err := st.Heal(r.Context(), topology.Name(r.PathValue("service")))
		return err
	}))
	mux.HandleFunc("POST /sell/{event}/{seat}", answer(func(r *http.Request) error {
		return ask(r.Context(), st.Endpoints().Observer,
			"select settle(gen_random_uuid(), $1::text::int, 'box office', array[$2], 1, 'box office', now()) = 'CONFIRMED'",
			r.PathValue("event"), r.PathValue("seat"))
	}))
	mux.HandleFunc("POST /open/{event}", answer(func(r *http.Request) error {
		return ask(r.Context(), st.Endpoints().Observer,
			"select open_sale($1::text::int, 'Recital de piano', 'Sala de cámara', 4, 10, 2500) is not null", r.PathValue("event"))
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// ask wants the ledger's database to say yes.
func ask(ctx context.Context, ledger, question string, values ...any) error {
	conn, err := pgx.Connect(ctx, ledger)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var yes bool
	err = conn.QueryRow(ctx, question, values...).Scan(&yes)
	if err == nil && !yes {
		err = fmt.Errorf("no: %s %v", question, values)
	}
	return err
}

// shots is where the pictures go.
func shots(t *testing.T) string {
	t.Helper()
	root := os.Getenv("ARTIFACTS")
	if root == "" {
		root = filepath.Join("..", "artifacts")
	}
	dir, err := filepath.Abs(filepath.Join(root, "web"))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	return dir
}

// play runs the tests and passes on what they say while they say it. Their input
// stays open for as long as this process lives: they end with it.
func play(t *testing.T, files []string, env map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), playDeadline)
	defer cancel()
	args := []string{"--test-reporter", "spec"}
	if only := os.Getenv("EVENTFLOW_ONLY"); only != "" { // a pattern, for whoever works on one test
		args = append(args, "--test-name-pattern", only)
	}
	args = append(append(args, filepath.Join("test", "browser", "all.js")), files...)
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the browser ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	assert.NoError(t, cmd.Run(), "the tests in the browser")
}
