package serve

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"eventflow/system/internal/ticket"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is a service's own registry with what every service measures. Nothing
// is registered globally, so two services fit in one test.
type Metrics struct {
	// Registry takes further collectors of the program.
	Registry *prometheus.Registry

	requests, calls       *prometheus.CounterVec
	requestTime, callTime *prometheus.HistogramVec
	inFlight              prometheus.Gauge
}

// httpBuckets follow the timeout ladder (seconds): a bucket ends at each rung, so
// that a wall of timeouts is seen as one.
var httpBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .35, .5, .75, 1, 1.5, 2, 3, 5}

// NewMetrics registers the Go runtime, the process, the build, and the counters
// that Middleware and Observe feed.
func NewMetrics(service, node string) *Metrics {
	m := &Metrics{
		Registry:    prometheus.NewRegistry(),
		requests:    counter("eventflow_http_requests_total", "Requests answered.", "route", "method", "code"),
		calls:       counter("eventflow_dependency_requests_total", "Calls to a dependency; outcome is ok, refused, unknown or unavailable.", "dependency", "op", "outcome"),
		requestTime: histogram("eventflow_http_seconds", "Time to answer a request.", "route", "method"),
		callTime:    histogram("eventflow_dependency_seconds", "Time a call to a dependency took, whatever its outcome.", "dependency", "op"),
		inFlight:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "eventflow_http_in_flight", Help: "Requests being answered now."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "eventflow_build_info", Help: "Always 1; what runs here.",
		ConstLabels: prometheus.Labels{"service": service, "node": node, "version": version()}})
	build.Set(1)
	m.Registry.MustRegister(build, m.requests, m.requestTime, m.calls, m.callTime, m.inFlight,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{PidFn: self}))
	return m
}

// self is this process as /proc knows it. In a PID namespace that still sees the
// outer /proc, os.Getpid is somebody else's number there.
func self() (int, error) {
	if name, err := os.Readlink("/proc/self"); err == nil {
		return strconv.Atoi(name)
	}
	return os.Getpid(), nil // a system without /proc
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: httpBuckets}, labels)
}

// Handler is the /metrics page.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{Registry: m.Registry})
}

// Middleware counts and times requests by chi's route pattern, never by path:
// paths hold ids, and a label value per id would fill the memory of Prometheus.
func (m *Metrics) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		m.inFlight.Inc()
		defer func() {
			m.inFlight.Dec()
			route, method := routeOf(r), methodOf(r)
			m.requests.WithLabelValues(route, method, strconv.Itoa(statusOf(ww))).Inc()
			m.requestTime.WithLabelValues(route, method).Observe(time.Since(begun).Seconds())
		}()
		next.ServeHTTP(ww, r)
	})
}

func statusOf(w middleware.WrapResponseWriter) int {
	if s := w.Status(); s != 0 {
		return s
	}
	return http.StatusOK
}

func routeOf(r *http.Request) string {
	if rc := chi.RouteContext(r.Context()); rc != nil {
		if p := rc.RoutePattern(); p != "" && p != "/" && p != "/*" {
			return p
		}
	}
	return "unmatched"
}

// methodOf keeps invented methods from becoming label values.
func methodOf(r *http.Request) string {
	known := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	if slices.Contains(known, r.Method) {
		return r.Method
	}
	return "other"
}

// Observe files one call to a dependency: what it was, when it began, and how it
// ended as Outcome reads err.
func (m *Metrics) Observe(dependency, op string, begun time.Time, err error) {
	m.observe(dependency, op, Outcome(err), begun)
}

func (m *Metrics) observe(dependency, op, outcome string, begun time.Time) {
	m.calls.WithLabelValues(dependency, op, outcome).Inc()
	m.callTime.WithLabelValues(dependency, op).Observe(time.Since(begun).Seconds())
}

// Dependency is Observe for one dependency, the shape that clients take. The
// refusals are errors of that client's own that mean "no", beside ticket's rules.
func (m *Metrics) Dependency(name string, refusals ...error) func(op string, begun time.Time, err error) {
	return func(op string, begun time.Time, err error) { m.observe(name, op, Outcome(err, refusals...), begun) }
}

// The outcomes of a call to a dependency.
const (
	OutcomeOK          = "ok"
	OutcomeRefused     = "refused"     // it answered "no": a rule, not a failure
	OutcomeUnavailable = "unavailable" // nothing was done
	OutcomeUnknown     = "unknown"     // it may have been done
)

// Outcome sorts an error. One that nobody classified counts as unknown: a
// timeout is never a "no", and neither is a surprise. The refusals mean "no" too.
func Outcome(err error, refusals ...error) string {
	switch {
	case err == nil:
		return OutcomeOK
	case errors.Is(err, ticket.ErrUnknown):
		return OutcomeUnknown
	case errors.Is(err, ticket.ErrUnavailable):
		return OutcomeUnavailable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return OutcomeUnknown
	case slices.ContainsFunc(append(rules(), refusals...), func(rule error) bool { return errors.Is(err, rule) }):
		return OutcomeRefused
	}
	return OutcomeUnknown
}

func rules() []error {
	return []error{ticket.ErrInvalid, ticket.ErrNoEvent, ticket.ErrNoSeat, ticket.ErrSeatTaken, ticket.ErrNoLock,
		ticket.ErrLockLapsed, ticket.ErrNotOwner, ticket.ErrLockInUse, ticket.ErrRejected, ticket.ErrNoPurchase,
		ticket.ErrEmailTaken, ticket.ErrWrongPassword}
}

// release is the version that an image's build writes in: there the sources come
// without their history.
//
//	go build -ldflags "-X eventflow/system/internal/serve.release=1.2.3"
var release string

// version is the release, or the commit the program was built from if the build
// recorded it.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
