package nginx_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func asShipped(conf string) string { return conf }

func problem(t *testing.T, r reply) map[string]any {
	t.Helper()
	assert.Equal(t, "application/problem+json", r.header.Get("Content-Type"))
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &doc), r.body)
	assert.EqualValues(t, r.status, doc["status"])
	return doc
}

func TestEdgePasses(t *testing.T) {
	e := start(t, asShipped)
	seen := map[string]bool{}
	for range 9 {
		r := e.do(t, "GET", "/api/events", "")
		require.Equal(t, 200, r.status)
		assert.NotEmpty(t, r.header.Get("X-Upstream"))
		seen[r.header.Get("X-EventFlow-Node")] = true
	}
	assert.Len(t, seen, 3, "every node gets its share")
	assert.Equal(t, "auth", e.do(t, "POST", "/api/auth/guest", "{}").header.Get("X-EventFlow-Node"))
	assert.Equal(t, 404, e.do(t, "GET", "/metrics", "").status, "a node's pages are not public")
	page := e.do(t, "GET", "/", "")
	assert.Equal(t, 200, page.status)
	for _, h := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
		assert.NotEmpty(t, page.header.Get(h), h)
	}
	res, err := http.Get(e.status + "/stub_status")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, 200, res.StatusCode)
}

func TestEdgeLetsANodesErrorPass(t *testing.T) {
	e := start(t, asShipped)
	for _, n := range e.nodes {
		n.be(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Outcome", "none")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("mine"))
		})
	}
	r := e.do(t, "POST", "/api/purchase", "{}")
	assert.Equal(t, "mine", r.body)
	assert.Equal(t, []string{"none"}, r.header.Values("X-Outcome"))
	assert.EqualValues(t, 1, e.nodes[0].seen.Load()+e.nodes[1].seen.Load()+e.nodes[2].seen.Load())
}

func TestEdgeNeverSendsAPostTwice(t *testing.T) {
	e := start(t, asShipped)
	for _, n := range e.nodes {
		n.be(hang)
	}
	r := e.do(t, "POST", "/api/purchase", "{}")
	assert.Equal(t, 504, r.status)
	assert.Equal(t, "unknown", r.header.Get("X-Outcome"))
	assert.Equal(t, "outcome_unknown", problem(t, r)["code"])
	assert.NotEmpty(t, r.header.Get("X-Upstream"))
	assert.InDelta(t, 2, r.took.Seconds(), 0.4)
	assert.EqualValues(t, 1, e.nodes[0].seen.Load()+e.nodes[1].seen.Load()+e.nodes[2].seen.Load())
}

func TestEdgeSendsAGetTwiceAtMost(t *testing.T) {
	e := start(t, asShipped)
	for _, n := range e.nodes {
		n.be(hang)
	}
	r := e.do(t, "GET", "/api/events", "")
	assert.Equal(t, 504, r.status)
	assert.Equal(t, "none", r.header.Get("X-Outcome"))
	assert.EqualValues(t, 2, e.nodes[0].seen.Load()+e.nodes[1].seen.Load()+e.nodes[2].seen.Load())
	assert.Len(t, strings.Split(r.header.Get("X-Upstream"), ","), 2)
	assert.Less(t, r.took, 2500*time.Millisecond)
}

func TestEdgeKnowsWhenNothingWasSent(t *testing.T) {
	e := start(t, asShipped)
	for _, n := range e.nodes {
		require.NoError(t, n.srv.Close())
	}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		r := e.do(t, method, "/api/seats/lock/x", "")
		assert.Equal(t, 502, r.status)
		assert.Equal(t, "none", r.header.Get("X-Outcome"), method)
		assert.Equal(t, "unavailable", problem(t, r)["code"])
	}
	require.NoError(t, e.auth.srv.Close())
	assert.Equal(t, "none", e.do(t, "POST", "/api/auth/login", "{}").header.Get("X-Outcome"))
}

func TestEdgeKnowsWhenAnAnswerWasLost(t *testing.T) {
	e := start(t, asShipped)
	for _, n := range e.nodes {
		n.be(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	}
	r := e.do(t, "POST", "/api/purchase", "{}")
	assert.Equal(t, 502, r.status)
	assert.Equal(t, "unknown", r.header.Get("X-Outcome"))
	assert.EqualValues(t, 1, e.nodes[0].seen.Load()+e.nodes[1].seen.Load()+e.nodes[2].seen.Load())
}

func TestEdgeFailsOverAPostThatWasNotSent(t *testing.T) {
	e := start(t, asShipped)
	require.NoError(t, e.nodes[1].srv.Close())
	for range 9 {
		assert.Equal(t, 200, e.do(t, "POST", "/api/purchase", "{}").status)
	}
}

func TestEdgeRefuses(t *testing.T) {
	e := start(t, asShipped)
	r := e.do(t, "POST", "/api/purchase", strings.Repeat("x", 17<<10))
	assert.Equal(t, 413, r.status)
	assert.Equal(t, "none", r.header.Get("X-Outcome"))
	assert.Equal(t, "body_too_large", problem(t, r)["code"])
	assert.Equal(t, 200, e.do(t, "POST", "/api/purchase", strings.Repeat("x", 16<<10)).status)

	tight := start(t, func(c string) string {
		return strings.NewReplacer("rate=200r/s", "rate=1r/s", "burst=1000", "burst=1").Replace(c)
	})
	for range 2 {
		tight.do(t, "POST", "/api/auth/login", "{}")
	}
	r = tight.do(t, "POST", "/api/auth/login", "{}")
	assert.Equal(t, 429, r.status)
	assert.Equal(t, "none", r.header.Get("X-Outcome"))
	assert.Equal(t, "too_many_requests", problem(t, r)["code"])
}
