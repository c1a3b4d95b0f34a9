// Package serve is what every EventFlow program has in common: configuration
// from the environment, a JSON log, health and metrics pages, middleware that
// counts, and a life cycle that ends in order.
//
// It must not know what the program does: no route of the public API, no store
// and no rule about tickets is named here, except the three outcomes that a
// call to a dependency can have.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// Config is the part of the configuration that every program has. Embed it.
type Config struct {
	Node         string        `env:"NODE" default:"local" help:"name of this node, sent as X-EventFlow-Node"`
	ListenAddr   string        `env:"LISTEN_ADDR" default:"127.0.0.1:21020" help:"host:port to listen on"`
	LogLevel     slog.Level    `env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error"`
	DrainTimeout time.Duration `env:"DRAIN_TIMEOUT" default:"10s" min:"100ms" help:"how long a SIGTERM waits for work in hand"`
	CheckTimeout time.Duration `env:"CHECK_TIMEOUT" default:"1s" min:"10ms" help:"how long /readyz waits for a dependency"`
}

// Common lets Main find the shared part of a program's own configuration.
func (c Config) Common() Config { return c }

// Service is one running program. Build it with New, add routes, dependencies,
// work and stop hooks, then Run it. Adding after Run is a mistake.
type Service struct {
	// Router takes the program's routes. Its middleware is in place already.
	Router chi.Router
	// Log carries the fields service and node.
	Log *slog.Logger
	// Metrics is where the program's own collectors register.
	Metrics *Metrics

	name     string
	cfg      Config
	checks   []Dependency
	work     []task
	stops    []task
	listener net.Listener
	draining chan struct{} // closed when shutdown starts
}

type task struct {
	name string
	run  func(context.Context) error
}

// New builds a service that logs to out.
func New(name string, cfg Config, out io.Writer) *Service {
	log := NewLogger(out, cfg.LogLevel).With("service", name, "node", cfg.Node)
	s := &Service{Log: log, Metrics: NewMetrics(name, cfg.Node), name: name, cfg: cfg, draining: make(chan struct{})}
	r := chi.NewRouter()
	r.Use(NodeHeader(cfg.Node), s.Metrics.Middleware, Recover(log))
	s.Router = r
	return s
}

// Depend adds lines to /readyz.
func (s *Service) Depend(d ...Dependency) { s.checks = append(s.checks, d...) }

// Go adds work that runs beside the HTTP server. Its context ends after the last
// request was answered; it must then finish what it has in hand and return. Work
// that returns before that stops the whole service, with its error if it has one.
func (s *Service) Go(name string, run func(context.Context) error) {
	s.work = append(s.work, task{name, run})
}

// OnStop adds a hook that runs after requests and work have ended. Hooks run in
// reverse order of their registration, as deferred calls do, so that what was
// built last is taken down first. Their context carries what is left of
// DRAIN_TIMEOUT, at least a second.
func (s *Service) OnStop(name string, run func(context.Context) error) {
	s.stops = append(s.stops, task{name, run})
}

// Handler answers the service's pages and its routes. It is no ServeMux: that
// would redirect an address with two slashes, an answer outside the contract.
func (s *Service) Handler() http.Handler {
	pages := map[string]http.Handler{
		"/healthz": http.HandlerFunc(s.healthz),
		"/readyz":  http.HandlerFunc(s.readyz),
		"/metrics": s.Metrics.Handler(),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if page, ok := pages[r.URL.Path]; ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			page.ServeHTTP(w, r)
			return
		}
		s.Router.ServeHTTP(w, r)
	})
}

// Listen takes the address ahead of Run and says which one it got.
func (s *Service) Listen() (net.Addr, error) {
	l, err := net.Listen("tcp", s.cfg.ListenAddr)
	if err != nil {
		return nil, fmt.Errorf("listen on LISTEN_ADDR: %w", err)
	}
	s.listener = l
	return l.Addr(), nil
}

// Run serves until ctx ends, work ends or the listener breaks; then it drains:
// no new connections, answers for requests in hand, end of work, stop hooks.
// It returns nil only when all of that went well within DRAIN_TIMEOUT.
func (s *Service) Run(ctx context.Context) error {
	if s.listener == nil {
		if _, err := s.Listen(); err != nil {
			return errors.Join(err, s.stopAll(context.WithoutCancel(ctx)))
		}
	}
	server := s.server(ctx)
	workCtx, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	served, worked := make(chan error, 1), s.startWork(workCtx)
	go func() { served <- server.Serve(s.listener) }()
	s.Log.Info("serving", "addr", s.listener.Addr().String())

	var cause error
	select {
	case <-ctx.Done():
	case err := <-served:
		cause = fmt.Errorf("serve: %w", err)
	case <-worked.ended: // drain reports why
	}
	return errors.Join(cause, s.drain(ctx, server, endWork, worked))
}

// server is an http.Server that no slow or silent client can hold for ever.
// IdleTimeout is longer than nginx keeps an idle upstream connection (60 s by
// default): if this side closed first, a POST sent at that moment would be lost
// without anybody knowing whether it was obeyed.
func (s *Service) server(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
}

// running is the service's background work: ended gets a value for each piece
// that ended unasked, all closes when none is left.
type running struct {
	ended chan struct{}
	all   chan struct{}
	mu    sync.Mutex
	errs  []error
}

func (s *Service) startWork(ctx context.Context) *running {
	r := &running{ended: make(chan struct{}, len(s.work)), all: make(chan struct{})}
	var all sync.WaitGroup
	for _, w := range s.work {
		all.Go(func() { r.file(ctx, w.name, w.run(ctx)) })
	}
	go func() { all.Wait(); close(r.all) }()
	return r
}

// file notes how one piece of work came to its end. Being told to stop is no
// failure, whatever error says so.
func (r *running) file(ctx context.Context, name string, err error) {
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return
	}
	if err == nil {
		err = errors.New("ended by itself")
	}
	err = fmt.Errorf("%s: %w", name, err)
	r.mu.Lock()
	r.errs = append(r.errs, err)
	r.mu.Unlock()
	r.ended <- struct{}{}
}

// drain ends everything in order. The deadline is one for all steps; the hooks
// keep a second of their own, so that connections are closed even then.
func (s *Service) drain(ctx context.Context, server *http.Server, endWork func(), work *running) error {
	close(s.draining)
	s.Log.Info("draining", "timeout", s.cfg.DrainTimeout.String())
	begun := time.Now()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	var errs []error
	if err := server.Shutdown(limit); err != nil {
		errs = append(errs, fmt.Errorf("drain requests: %w", err), server.Close())
	}
	endWork()
	select {
	case <-work.all:
	case <-limit.Done():
		errs = append(errs, fmt.Errorf("drain work: %w", limit.Err()))
	}
	errs = append(errs, work.failures(), s.stopAll(limit))
	err := errors.Join(errs...)
	s.Log.Info("stopped", "after_ms", time.Since(begun).Milliseconds(), "clean", err == nil)
	return err
}

func (r *running) failures() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

func (s *Service) stopAll(ctx context.Context) error {
	limit, cancel := atLeast(ctx, time.Second)
	defer cancel()
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		if err := s.stops[i].run(limit); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.stops[i].name, err))
		}
	}
	return errors.Join(errs...)
}

// atLeast is ctx, or a fresh context of the given length if ctx ends sooner.
func atLeast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) >= d {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}
