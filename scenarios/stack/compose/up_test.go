package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/block"
	"eventflow/scenarios/stack/compose"
	"eventflow/scenarios/stack/docker/dockertest"
	"eventflow/toxiproxy/topology"
)

// How long the parts may take. The first start compiles EventFlow.
const (
	startTime  = 8 * time.Minute
	stopTime   = 2 * time.Minute
	answerTime = 30 * time.Second
)

// TestComposeUp does with the shipped file what people do: start it, buy, cut
// PostgreSQL off, heal it, stop and start again, and take everything away. Only
// the project's name, the ports on this host and the secrets are the test's own.
func TestComposeUp(t *testing.T) {
	dockertest.Require(t)
	p := newProject(t)
	t.Cleanup(func() { // before anything is started
		p.compose(t, stopTime, "down", "--volumes", "--remove-orphans")
		p.leavesNothing(t)
	})
	began := time.Now()
	p.compose(t, startTime, "build", "--quiet")
	built := time.Now()
	p.compose(t, startTime, "up", "--detach", "--wait")
	t.Logf("images ready after %.1f s, healthy %.1f s later", built.Sub(began).Seconds(), time.Since(built).Seconds())
	p.whole(t)

	buyer := p.guest(t)
	first := buyer.buys(t, "A-1")
	buyer.sees(t, first, "confirmed")

	p.get(t, "/api/events/999/seats", "") // so that there is a map to remember
	p.links(t, topology.PostgresDB, false)
	assert.Equal(t, "cache", p.seats(t).Source, "without PostgreSQL the map comes from memory")
	second := buyer.buys(t, "A-2")
	buyer.sees(t, second, "queued")
	p.links(t, topology.PostgresDB, true)
	buyer.sees(t, second, "confirmed")

	p.monitored(t)

	p.compose(t, stopTime, "down")
	p.compose(t, startTime, "up", "--detach", "--wait")
	p.whole(t)
	buyer.sees(t, first, "confirmed")
	assert.Equal(t, "sold", p.seats(t).state("A-2"), "volumes outlive down")
}

// project is docker-compose.yml under a name and on ports of its own.
type project struct {
	name, override string
	env            []string
	claim          *block.Claim
	stack.Endpoints
}

func newProject(t *testing.T) *project {
	t.Helper()
	require.NoError(t, block.OpenRunDir(block.RunDir()))
	m := topology.EventFlow()
	claim, err := block.Take(block.RunDir(), m, 0, false)
	require.NoError(t, err)
	t.Cleanup(func() { runtime.KeepAlive(claim) }) // the ports are its own until then
	secrets := stack.NewSecrets()
	p := &project{
		name: fmt.Sprintf("eventflow-compose-%d", claim.Block.Base), override: filepath.Join(t.TempDir(), "ports.yml"), claim: claim,
		env:       append(os.Environ(), "EVENTFLOW_BIND="), // whatever an .env beside the file says
		Endpoints: stack.At("compose", block.Host, m, claim.Block, secrets),
	}
	for name, value := range secrets.Compose() {
		p.env = append(p.env, name+"="+value)
	}
	require.NoError(t, os.WriteFile(p.override, []byte(shifted(t, m, claim.Block)), 0o600))
	return p
}

// shifted moves every port that the file publishes to its place in the block, and
// Grafana, which has none, to one that is free.
func shifted(t *testing.T, m topology.Map, b topology.Block) string {
	t.Helper()
	demo, places := topology.Block{Base: topology.DemoBase, Public: true}, map[string]int{}
	for _, s := range m.Services {
		places[fmt.Sprint(demo.Of(s))] = b.Of(s)
		for _, e := range s.Extra {
			places[fmt.Sprint(demo.Extra(s, e.Name))] = b.Extra(s, e.Name)
		}
	}
	for _, l := range m.Links {
		places[fmt.Sprint(demo.Link(l))] = b.Link(l)
	}
	var text strings.Builder
	text.WriteString("services:\n")
	for name, svc := range load(t, nil).Services {
		if len(svc.Ports) == 0 {
			continue
		}
		fmt.Fprintf(&text, "  %s:\n    ports: !override\n", name)
		for _, port := range svc.Ports {
			outside := "" // the engine chooses
			if place, ok := places[port.Published]; ok {
				outside = fmt.Sprint(place)
			}
			fmt.Fprintf(&text, "      - \"%s:%s:%d\"\n", block.Host, outside, port.Target)
		}
	}
	return text.String()
}

// compose runs docker compose on the project and returns what it printed. A
// context of its own lets it clean up after a test that was stopped.
func (p *project) compose(t *testing.T, patience time.Duration, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "--project-name", p.name, "--project-directory", tree(),
		"--file", filepath.Join(tree(), compose.File), "--file", p.override, "--profile", monitoring, "--progress", "plain"}, args...)...)
	cmd.Env = p.env
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		logs, _ := exec.CommandContext(ctx, "docker", "compose", "--project-name", p.name, "logs", "--no-color", "--tail", "5").CombinedOutput()
		require.NoError(t, err, "docker compose %v\n%s\n%s", args, said.String(), logs)
	}
	return strings.TrimSpace(string(out))
}

// leavesNothing asks the engine what it still has of the project.
func (p *project) leavesNothing(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	for _, what := range []string{"container", "network", "volume"} {
		args := []string{what, "ls", "--quiet", "--filter", "label=com.docker.compose.project=" + p.name}
		if what == "container" {
			args = append(args, "--all")
		}
		out, err := exec.CommandContext(ctx, "docker", args...).Output()
		assert.NoError(t, err)
		assert.Empty(t, strings.TrimSpace(string(out)), "a %s is left", what)
	}
}

// whole waits until every program calls all its dependencies reachable.
func (p *project) whole(t *testing.T) {
	t.Helper()
	for name, base := range p.Health {
		p.until(t, func(ctx context.Context) error {
			status, body, err := p.call(ctx, http.MethodGet, base+"/readyz", "", nil)
			return wanted(http.StatusOK, status, body, err, string(name))
		})
	}
}

func (p *project) until(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerTime)
	defer cancel()
	require.NoError(t, stack.Until(ctx, 100*time.Millisecond, condition))
}

// call makes one HTTP request; body, unless it is nil, goes along as JSON.
func (p *project) call(ctx context.Context, method, address, token string, body any) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

func wanted(status, got int, body []byte, err error, what string) error {
	if err == nil && got != status {
		err = fmt.Errorf("%d, want %d: %s", got, status, body)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// get asks the shop until it answers with 200.
func (p *project) get(t *testing.T, path, token string) []byte {
	t.Helper()
	var answer []byte
	p.until(t, func(ctx context.Context) error {
		status, body, err := p.call(ctx, http.MethodGet, p.Shop+path, token, nil)
		answer = body
		return wanted(http.StatusOK, status, body, err, path)
	})
	return answer
}

// post does as a buyer: it repeats what the shop says has not happened.
func (p *project) post(t *testing.T, path, token string, status int, body, into any) {
	t.Helper()
	p.until(t, func(ctx context.Context) error {
		got, answer, err := p.call(ctx, http.MethodPost, p.Shop+path, token, body)
		if err := wanted(status, got, answer, err, path); err != nil {
			return err
		}
		return json.Unmarshal(answer, into)
	})
}

// hall is a seat map.
type hall struct {
	Source   string `json:"source"`
	Sections []struct {
		Rows []struct {
			Seats []struct {
				ID    string `json:"id"`
				State string `json:"state"`
			} `json:"seats"`
		} `json:"rows"`
	} `json:"sections"`
}

func (p *project) seats(t *testing.T) (h hall) {
	t.Helper()
	require.NoError(t, json.Unmarshal(p.get(t, "/api/events/999/seats", ""), &h))
	return h
}

func (h hall) state(seat string) string {
	for _, section := range h.Sections {
		for _, row := range section.Rows {
			for _, s := range row.Seats {
				if s.ID == seat {
					return s.State
				}
			}
		}
	}
	return ""
}

// buyer is somebody with a token.
type buyer struct {
	*project
	token string
}

func (p *project) guest(t *testing.T) buyer {
	t.Helper()
	var answer struct {
		Token string `json:"token"`
	}
	p.post(t, "/api/auth/guest", "", http.StatusOK, map[string]string{"nickname": "Ada"}, &answer)
	require.NotEmpty(t, answer.Token)
	return buyer{p, answer.Token}
}

// buys locks a seat and buys it; the shop accepts at once and says under which
// number.
func (b buyer) buys(t *testing.T, seat string) (transaction string) {
	t.Helper()
	var lock struct {
		ID string `json:"lock_id"`
	}
	b.post(t, "/api/seats/lock", b.token, http.StatusCreated, map[string]any{"event_id": 999, "seats": []string{seat}}, &lock)
	var purchase struct {
		Transaction string `json:"transaction_id"`
	}
	b.post(t, "/api/purchase", b.token, http.StatusAccepted, map[string]string{"lock_id": lock.ID}, &purchase)
	require.NotEmpty(t, purchase.Transaction)
	return purchase.Transaction
}

// sees waits until the purchase has the status.
func (b buyer) sees(t *testing.T, transaction, status string) {
	t.Helper()
	b.until(t, func(ctx context.Context) error {
		code, body, err := b.call(ctx, http.MethodGet, b.Shop+"/api/purchases/"+transaction, b.token, nil)
		if err := wanted(http.StatusOK, code, body, err, transaction); err != nil {
			return err
		}
		var answer struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return err
		}
		return unless(strings.EqualFold(answer.Status, status), "%s is %s, want %s", transaction, answer.Status, status)
	})
}

// links cuts every link to a service, or makes them whole.
func (p *project) links(t *testing.T, to topology.Name, whole bool) {
	t.Helper()
	for _, l := range topology.EventFlow().LinksTo(to) {
		status, body, err := p.call(t.Context(), http.MethodPost, p.Toxiproxy+"/proxies/"+l.Name(), "", map[string]bool{"enabled": whole})
		require.NoError(t, wanted(http.StatusOK, status, body, err, l.Name()))
	}
}

// monitored: Prometheus meets everybody it is told of, and Grafana's dashboard asks
// it nothing that it does not understand.
func (p *project) monitored(t *testing.T) {
	t.Helper()
	want := len(stack.Exporters()) + strings.Count(stack.Scrape(topology.EventFlow(), "", func(topology.Service, string) string { return "" }), "job_name")
	p.until(t, func(ctx context.Context) error {
		status, body, err := p.call(ctx, http.MethodGet, p.Prometheus+"/api/v1/query?query="+url.QueryEscape("count(up == 1)"), "", nil)
		if err := wanted(http.StatusOK, status, body, err, "prometheus"); err != nil {
			return err
		}
		return unless(strings.Contains(string(body), fmt.Sprintf(`"%d"`, want)), "want %d services up: %s", want, body)
	})
	grafana := "http://" + p.compose(t, answerTime, "port", stack.Grafana, fmt.Sprint(stack.GrafanaPort))
	var board struct {
		Dashboard struct {
			Panels []struct {
				Title   string `json:"title"`
				Targets []struct {
					Expr string `json:"expr"`
				} `json:"targets"`
			} `json:"panels"`
		} `json:"dashboard"`
	}
	status, body, err := p.call(t.Context(), http.MethodGet, grafana+"/api/dashboards/uid/eventflow", "", nil)
	require.NoError(t, wanted(http.StatusOK, status, body, err, "the dashboard"))
	require.NoError(t, json.Unmarshal(body, &board))
	require.NotEmpty(t, board.Dashboard.Panels)
	for _, panel := range board.Dashboard.Panels {
		for _, target := range panel.Targets {
			p.until(t, func(ctx context.Context) error { // the exporters are asked every 5 s
				status, body, err := p.call(ctx, http.MethodGet, grafana+"/api/datasources/proxy/uid/prometheus/api/v1/query?query="+url.QueryEscape(target.Expr), "", nil)
				if err := wanted(http.StatusOK, status, body, err, panel.Title); err != nil {
					return err
				}
				return unless(!strings.Contains(string(body), `"result":[]`), "%s: nothing answers to %s", panel.Title, target.Expr)
			})
		}
	}
}
