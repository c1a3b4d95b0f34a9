package nginx_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var measure = flag.Bool("measure", false, "print the table of README.md instead of checking only the shipped setting")

// setting is one way to leave nodes out.
type setting struct {
	name   string
	change func(string) string
}

var (
	backups = regexp.MustCompile(`(?m)^.* backup;\n`)
	limits  = regexp.MustCompile(`max_fails=[1-9]\d* fail_timeout=\w+`)
)

func ejecting(rule string, withBackups bool) func(string) string {
	return func(conf string) string {
		conf = limits.ReplaceAllString(conf, rule)
		if !withBackups {
			conf = backups.ReplaceAllString(conf, "")
		}
		return conf
	}
}

func settings() []setting {
	shipped := setting{"3 in 2s, backups (shipped)", asShipped}
	if !*measure {
		return []setting{shipped}
	}
	return []setting{
		{"max_fails=0", ejecting("max_fails=0", false)},
		{"1 in 10s (nginx's default)", ejecting("max_fails=1 fail_timeout=10s", false)},
		{"3 in 2s", ejecting("max_fails=3 fail_timeout=2s", false)},
		shipped,
		{"3 in 1s, backups", ejecting("max_fails=3 fail_timeout=1s", true)},
		{"10 in 2s, backups", ejecting("max_fails=10 fail_timeout=2s", true)},
	}
}

// tally is what happened to one kind of request.
type tally struct {
	mu                       sync.Mutex
	all, slow, failed, gates int
}

func (c *tally) add(r reply, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all++
	if r.took > 500*time.Millisecond {
		c.slow++
	}
	if err != nil || r.status != http.StatusOK {
		c.failed++
	}
	if r.status == http.StatusBadGateway {
		c.gates++
	}
}

func (c *tally) share(n int) float64 { return 100 * float64(n) / float64(max(1, c.all)) }

func (c *tally) String() string {
	return fmt.Sprintf("%4.1f%% slow %4.1f%% failed (%4.1f%% 502)", c.share(c.slow), c.share(c.failed), c.share(c.gates))
}

// flow sends requests at a steady rate, whatever becomes of them.
func (e *edge) flow(ctx context.Context, rate int, method, path string) *tally {
	var c tally
	var all sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			all.Wait()
			return &c
		case <-tick.C:
			all.Go(func() { c.add(e.try(context.Background(), method, path, "")) })
		}
	}
}

// load is one kind of request: how many a second, "METHOD /path".
type load struct {
	rate int
	call string
}

// together runs the loads side by side.
func (e *edge) together(t *testing.T, flows map[string]load) map[string]*tally {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
	defer cancel()
	out, mu, all := map[string]*tally{}, sync.Mutex{}, sync.WaitGroup{}
	for name, f := range flows {
		all.Go(func() {
			method, path, _ := strings.Cut(f.call, " ")
			c := e.flow(ctx, f.rate, method, path)
			mu.Lock()
			out[name] = c
			mu.Unlock()
		})
	}
	all.Wait()
	return out
}

// One node's trouble must not make every third buyer wait.
func TestEdgeWithOneNodeHanging(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 7 s")
	}
	for _, s := range settings() {
		e := start(t, s.change)
		e.nodes[1].be(hang)
		got := e.together(t, map[string]load{"GET": {60, "GET /api/events"}, "POST": {30, "POST /api/purchase"}})
		t.Logf("one node hangs | %-27s | GET %v | POST %v", s.name, got["GET"], got["POST"])
		if s.name == "3 in 2s, backups (shipped)" {
			assert.Less(t, got["GET"].share(got["GET"].slow), 15.0)
			assert.Zero(t, got["GET"].failed)
			assert.Less(t, got["POST"].share(got["POST"].failed), 20.0)
		}
	}
}

// A route that is slow everywhere must not take the healthy nodes, and with them
// every other route, out of service.
func TestEdgeWithOneSlowRoute(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 7 s")
	}
	for _, s := range settings() {
		e := start(t, s.change)
		for _, n := range e.nodes {
			n.be(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/seats") {
					hang(w, r)
					return
				}
				answer(w, r)
			})
		}
		got := e.together(t, map[string]load{"GET": {60, "GET /api/events"}, "POST": {30, "POST /api/purchase"}, "slow": {20, "GET /api/events/1/seats"}})
		t.Logf("one slow route | %-27s | GET %v | POST %v", s.name, got["GET"], got["POST"])
		if s.name == "3 in 2s, backups (shipped)" {
			assert.Zero(t, got["GET"].failed)
			assert.Zero(t, got["POST"].failed)
		}
	}
}
