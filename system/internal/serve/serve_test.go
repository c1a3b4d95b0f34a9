package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"eventflow/system/internal/ticket"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testConfig() Config {
	return Config{Node: "app-9", ListenAddr: "127.0.0.1:0", LogLevel: slog.LevelInfo, DrainTimeout: 2 * time.Second, CheckTimeout: 100 * time.Millisecond}
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestReadyz(t *testing.T) {
	s := New("app", testConfig(), io.Discard)
	s.Depend(Dependency{"redis", func(context.Context) error { return nil }})
	w := get(t, s.Handler(), "/readyz")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "app-9", w.Header().Get("X-EventFlow-Node"))

	s.Depend(Dependency{"postgres", func(context.Context) error { return errors.New("connection refused") }})
	w = get(t, s.Handler(), "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	var page Readiness
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	assert.False(t, page.Ready)
	require.Len(t, page.Dependencies, 2)
	assert.True(t, page.Dependencies[0].OK)
	assert.Equal(t, "connection refused", page.Dependencies[1].Error)
	assert.Equal(t, http.StatusOK, get(t, s.Handler(), "/healthz").Code, "a lost dependency is no reason to be killed")
}

func TestReadyzDoesNotWaitForACheckThatIgnoresItsContext(t *testing.T) {
	s := New("app", testConfig(), io.Discard)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	hang := func(context.Context) error { <-release; return nil }
	s.Depend(Dependency{"a", hang}, Dependency{"b", hang})
	begun := time.Now()
	w := get(t, s.Handler(), "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Less(t, time.Since(begun), time.Second)
	assert.Contains(t, w.Body.String(), "deadline exceeded")
}

func TestMiddlewareCountsByPattern(t *testing.T) {
	s := New("app", testConfig(), io.Discard)
	sub := chi.NewRouter()
	sub.Get("/events/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	s.Router.Mount("/api", sub)
	for _, path := range []string{"/api/events/1", "/api/events/2", "/nowhere", "/api/nowhere"} {
		get(t, s.Handler(), path)
	}
	page := get(t, s.Handler(), "/metrics").Body.String()
	for _, want := range []string{"go_goroutines", "process_open_fds", `eventflow_build_info{node="app-9",service="app"`, "eventflow_http_seconds_bucket",
		`eventflow_http_requests_total{code="418",method="GET",route="/api/events/{id}"} 2`,
		`eventflow_http_requests_total{code="404",method="GET",route="unmatched"} 1`} {
		assert.Contains(t, page, want)
	}
}

// A redirect would be an answer that no contract knows.
func TestAnUncleanAddressReachesTheRouter(t *testing.T) {
	s := New("app", testConfig(), io.Discard)
	s.Router.NotFound(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, path := range []string{"/api//events", "/api/../x", "/healthz/", "//healthz"} {
		assert.Equal(t, http.StatusTeapot, get(t, s.Handler(), path).Code, path)
	}
}

func TestPanicIsAnUnknownOutcomeLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	s := New("app", testConfig(), &log)
	s.Router.Post("/boom", func(http.ResponseWriter, *http.Request) { panic("lost a screw") })
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/boom", nil))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, "unknown", w.Header().Get("X-Outcome"))
	assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	assert.JSONEq(t, panicked, w.Body.String())
	assert.Equal(t, 1, strings.Count(log.String(), "lost a screw"))
	assert.Contains(t, get(t, s.Handler(), "/metrics").Body.String(), `eventflow_http_requests_total{code="500",method="POST",route="/boom"} 1`)
}

func TestPanicAfterTheFirstByteCutsTheConnection(t *testing.T) {
	s := New("app", testConfig(), io.Discard)
	s.Router.Get("/half", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("half") })
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { get(t, s.Handler(), "/half") })
}

func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, OutcomeOK},
		{fmt.Errorf("lock: %w", ticket.ErrSeatTaken), OutcomeRefused},
		{ticket.Unavailable("redis", context.DeadlineExceeded), OutcomeUnavailable},
		{ticket.Unknown("redis", io.EOF), OutcomeUnknown},
		{context.DeadlineExceeded, OutcomeUnknown},
		{errors.New("never seen before"), OutcomeUnknown},
	} {
		assert.Equal(t, c.want, Outcome(c.err), "%v", c.err)
	}
	noUser := errors.New("no such user")
	assert.Equal(t, OutcomeRefused, Outcome(fmt.Errorf("find: %w", noUser), noUser))
}

// steps records the order of a shutdown.
type steps struct {
	mu  sync.Mutex
	did []string
}

func (s *steps) add(what string) { s.mu.Lock(); defer s.mu.Unlock(); s.did = append(s.did, what) }

func TestRunDrainsInOrder(t *testing.T) {
	s, did := New("app", testConfig(), io.Discard), &steps{}
	entered, release := make(chan struct{}), make(chan struct{})
	s.Router.Get("/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		did.add("request")
		w.WriteHeader(204)
	})
	s.Go("worker", func(ctx context.Context) error { <-ctx.Done(); did.add("work"); return ctx.Err() })
	s.OnStop("pool", func(context.Context) error { did.add("pool"); return nil })
	s.OnStop("publisher", func(context.Context) error { did.add("publisher"); return nil })
	addr, err := s.Listen()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done, answered := make(chan error, 1), make(chan int, 1)
	go func() { done <- s.Run(ctx) }()
	go func() {
		resp, err := http.Get("http://" + addr.String() + "/slow") //nolint:noctx // ends with the server
		if err != nil {
			answered <- 0
			return
		}
		answered <- resp.StatusCode
		resp.Body.Close()
	}()
	<-entered
	cancel()
	<-s.draining
	assert.Equal(t, http.StatusServiceUnavailable, get(t, s.Handler(), "/readyz").Code, "a draining node is not ready")
	close(release)
	require.NoError(t, <-done)
	assert.Equal(t, 204, <-answered, "a request in hand is answered")
	assert.Equal(t, []string{"request", "work", "publisher", "pool"}, did.did)
}

func TestRunGivesUpAtItsDeadline(t *testing.T) {
	cfg := testConfig()
	cfg.DrainTimeout = 50 * time.Millisecond
	s := New("consumer", cfg, io.Discard)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	stopped := false
	s.Go("stuck", func(context.Context) error { <-release; return nil })
	s.OnStop("pool", func(ctx context.Context) error { stopped = true; return ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Run(ctx)
	require.ErrorContains(t, err, "drain work")
	require.NotContains(t, err.Error(), "stop pool", "hooks have time of their own")
	assert.True(t, stopped)
}

func TestWorkThatEndsByItselfStopsTheService(t *testing.T) {
	s := New("consumer", testConfig(), io.Discard)
	s.Go("consume", func(context.Context) error { return errors.New("no such queue") })
	require.ErrorContains(t, s.Run(t.Context()), "consume: no such queue")
}

func TestListenRefused(t *testing.T) {
	cfg := testConfig()
	cfg.ListenAddr = "127.0.0.1:http-nonsense"
	require.ErrorContains(t, New("app", cfg, io.Discard).Run(t.Context()), "LISTEN_ADDR")
}
