package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack/running"
	"eventflow/toxiproxy/topology"
)

// alone keeps a test away from other labs' stacks on this machine, and from what the
// environment says of others.
func alone(t *testing.T) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	for _, s := range new(running.Config).Settings() {
		t.Setenv(s.Env, "")
	}
	t.Setenv(running.HealthEnv, "")
}

// nobodyUp is alone, on a machine without a stack on the ports that everybody knows:
// that one is found whatever a test does.
func nobodyUp(t *testing.T) {
	t.Helper()
	alone(t)
	proxies, _ := topology.EventFlow().Service(topology.Toxiproxy)
	if err := portFree(proxies.Public); err != nil {
		t.Skipf("SKIPPED: a stack is up on the ports that people know: %v", err)
	}
}

func call(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

// TestMistakes: each wrong call says what is wrong and what to write instead,
// and exits with the code that stands for it.
func TestMistakes(t *testing.T) {
	alone(t)
	cases := []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"unknown command", []string{"rnu"}, exitUsage, []string{`"rnu"`, "run"}},
		{"unknown flag", []string{"run", "calm", "--sed", "1"}, exitUsage, []string{"--sed", "lab run --help"}},
		{"no scenario", []string{"run"}, exitUsage, []string{"needs a scenario", "postgres-cut"}},
		{"unknown scenario", []string{"run", "postgre-cut"}, exitUsage, []string{`"postgre-cut"`, "did you mean postgres-cut?"}},
		{"unknown stack", []string{"run", "calm", "--stack", "kubernetes"}, exitUsage, []string{`"kubernetes"`, "native, docker and running"}},
		{"half a stack", []string{"run", "calm", "--stack", "running", "--shop", "http://127.0.0.1:1"}, exitUsage, []string{"--toxiproxy (or LAB_TOXIPROXY)", "--observer", "ledger"}},
		{"a stack of its own, described", []string{"run", "calm", "--stack", "native", "--shop", "http://127.0.0.1:1"}, exitUsage, []string{"--stack running"}},
		{"two stacks", []string{"cut", "postgres", "--base", "21000", "--toxiproxy", "http://127.0.0.1:1"}, exitUsage, []string{"--base", "leave one of them out"}},
		{"no address", []string{"cut", "postgres", "--toxiproxy", "127.0.0.1:8474"}, exitEnvironment, []string{"want http://host:port"}},
		{"nobody at the address", []string{"cut", "postgres", "--toxiproxy", "http://127.0.0.1:1"}, exitEnvironment, []string{"--toxiproxy http://127.0.0.1:1", "refused"}},
		{"unknown program", []string{"run", "calm", "--health", "app-9=http://127.0.0.1:1"}, exitUsage, []string{"--health", "app-1"}},
		{"ports of no stack", []string{"cut", "postgres", "--base", "23000"}, exitEnvironment, []string{"no stack is up on ports from 23000"}},
		{"no time", []string{"cut", "postgres", "--for", "0s"}, exitUsage, []string{"--for", "--forever"}},
		{"two times", []string{"cut", "postgres", "--for", "5s", "--forever"}, exitUsage, []string{"for", "forever"}},
		{"everything and one", []string{"heal", "--all", "postgres"}, exitUsage, []string{"--all"}},
		{"unknown self-test", []string{"selftest", "everything"}, exitUsage, []string{"lab selftest faults"}},
		{"no links", []string{"cut"}, exitUsage, []string{"needs links", "app-2_redis"}},
		{"unknown link", []string{"cut", "app-9_redis"}, exitUsage, []string{`"app-9_redis"`, "app-1_redis"}},
		{"unknown link to heal", []string{"heal", "app-9_redis"}, exitUsage, []string{`"app-9_redis"`}},
		{"no delay", []string{"slow", "postgres", "--delay", "0s"}, exitUsage, []string{"delay"}},
		{"no such journal", []string{"judge", "nowhere.jsonl"}, exitUsage, []string{"nowhere.jsonl", "no such file"}},
		{"ports out of range", []string{"run", "calm", "--base", "70000"}, exitEnvironment, []string{"70000", "32767"}},
		{"arguments where none are taken", []string{"status", "now"}, exitUsage, []string{"takes no arguments"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, out, errOut := call(t, c.args...)
			assert.Equal(t, c.code, code, "%s%s", out, errOut)
			for _, words := range c.says {
				assert.Contains(t, errOut, words)
			}
		})
	}
}

func TestNoStackIsUp(t *testing.T) {
	nobodyUp(t)
	for _, args := range [][]string{{"cut", "postgres"}, {"heal"}, {"events"}, {"down"}, {"run", "calm", "--stack", "running"}} {
		code, out, errOut := call(t, args...)
		assert.Equal(t, exitEnvironment, code, "%v: %s%s", args, out, errOut)
		assert.Contains(t, errOut, "no stack is up", args)
		assert.Contains(t, errOut, "lab up", args)
	}
}

func TestListNamesEveryScenarioWithItsClaim(t *testing.T) {
	code, out, errOut := call(t, "list")
	require.Equal(t, exitPass, code, errOut)
	code, spanish, _ := call(t, "list", "--es")
	require.Equal(t, exitPass, code)
	for _, s := range scenarios.All() {
		assert.Contains(t, out, s.Name)
		assert.Contains(t, out, s.Claim.EN)
		assert.Contains(t, spanish, s.Claim.ES)
	}
	code, asJSON, _ := call(t, "list", "--json")
	require.Equal(t, exitPass, code)
	var decoded []lab.Scenario
	require.NoError(t, json.Unmarshal([]byte(asJSON), &decoded))
	assert.Equal(t, scenarios.All(), decoded, "a scenario survives its journey as JSON")
}

func TestABrokenJournalIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"t\":\"meta\"}\nnonsense\n{}\n"), 0o600))
	code, _, errOut := call(t, "judge", path)
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, errOut, path)
}

// TestSomethingElseOnToxiproxysPort: it is not taken for a stack, and named to whoever
// looks for one.
func TestSomethingElseOnToxiproxysPort(t *testing.T) {
	nobodyUp(t)
	proxies, _ := topology.EventFlow().Service(topology.Toxiproxy)
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(proxies.Public)))
	require.NoError(t, err)
	other := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = other.Serve(listener) }()
	t.Cleanup(func() { _ = other.Close() })

	code, out, errOut := call(t, "status")
	assert.Equal(t, exitPass, code, errOut)
	assert.Contains(t, out, "no stack is up")
	code, _, errOut = call(t, "heal")
	assert.Equal(t, exitEnvironment, code)
	assert.Contains(t, errOut, "no stack is up")
	assert.Contains(t, errOut, "something else does")
	assert.Contains(t, errOut, "no Toxiproxy")
}

func TestNoColourIntoAPipe(t *testing.T) {
	nobodyUp(t)
	_, out, _ := call(t, "status")
	assert.Contains(t, out, "no stack is up")
	assert.False(t, strings.Contains(out, "\x1b["), "escape codes in %q", out)
}
