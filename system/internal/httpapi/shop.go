// Package httpapi is the shop's public API: routes, handlers and the order of
// steps of a purchase.
//
// It must not know how seats, copies, messages or rows are kept: it sees them
// through the interfaces below. Errors become answers in package problem.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/problem"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"
	"eventflow/system/internal/token"
)

// Catalogue is what can be bought.
type Catalogue interface {
	Events(ctx context.Context) (cache.Read[[]ticket.Event], error)
	Hall(ctx context.Context, event int) (cache.Read[ticket.Hall], error)
}

// Maps draws seat maps.
type Maps interface {
	Get(ctx context.Context, event int) (cache.SeatMap, error)
}

// Holds are buyers' locks.
type Holds interface {
	Lock(ctx context.Context, want ticket.Lock) (ticket.Lock, error)
	Extend(ctx context.Context, lockID, user string) (ticket.Lock, error)
	Release(ctx context.Context, lockID, user string) error
}

// Tills turn locks into purchases.
type Tills interface {
	BeginPurchase(ctx context.Context, lockID, user, node string) (seatlock.Attempt, error)
	Accepted(ctx context.Context, a seatlock.Attempt) error
	Refused(ctx context.Context, a seatlock.Attempt) (returned bool, err error)
	Unknown(ctx context.Context, a seatlock.Attempt) error
}

// Records are purchases as far as Redis remembers them.
type Records interface {
	Purchase(ctx context.Context, tx string) (seatlock.PurchaseRecord, error)
	PurchasesOf(ctx context.Context, user string) ([]seatlock.PurchaseRecord, error)
}

// Ledger is purchases as they are decided.
type Ledger interface {
	Purchase(ctx context.Context, tx string) (store.Record, error)
	PurchasesOf(ctx context.Context, user string) ([]store.Record, error)
}

// Publisher hands a purchase to the queue. nil is the broker's promise;
// ErrUnavailable means that nothing was published and never will be; anything
// else is unknown.
type Publisher interface {
	Publish(ctx context.Context, p ticket.Purchase) error
}

// Verifier reads a bearer token.
type Verifier interface {
	Verify(token string) (token.Claims, error)
}

// Parts is everything the API needs.
type Parts struct {
	Catalogue Catalogue
	Maps      Maps
	Holds     Holds
	Tills     Tills
	Records   Records
	Ledger    Ledger
	Publisher Publisher
	Verifier  Verifier
	Counters  *Counters
	Log       *slog.Logger
}

// Limits is how long calls may take; zero means the default named here.
type Limits struct {
	Handler time.Duration // a call that changes something, 1.5 s
	Read    time.Duration // a call that reads, 800 ms
	Confirm time.Duration // the broker's answer, 1 s
	Mark    time.Duration // writing down what the broker said, 300 ms on top of Handler
}

func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&l.Handler, 1500*time.Millisecond)
	set(&l.Read, 800*time.Millisecond)
	set(&l.Confirm, time.Second)
	set(&l.Mark, 300*time.Millisecond)
	return l
}

// Shop is the API of one node.
type Shop struct {
	Parts
	node   string
	limits Limits
	now    func() time.Time
}

// New makes the API of the named node.
func New(node string, p Parts, l Limits) *Shop {
	return &Shop{Parts: p, node: node, limits: l.withDefaults(), now: time.Now}
}

// Route adds the API to r.
func (s *Shop) Route(r chi.Router) {
	r.NotFound(problem.NotFound)
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed(r, req.URL.Path), ", "))
		problem.MethodNotAllowed(w, req)
	})
	r.Group(func(r chi.Router) {
		r.Use(reading(s.limits.Read))
		r.Get("/api/events", s.events)
		r.Get("/api/events/{event}", s.event)
		r.Get("/api/events/{event}/seats", s.seats)
		r.With(s.authenticated).Get("/api/purchases", s.purchases)
		r.With(s.authenticated).Get("/api/purchases/{transaction}", s.purchaseStatus)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.authenticated, changing(s.limits.Handler))
		r.Post("/api/seats/lock", s.lock)
		r.Post("/api/seats/lock/{lock}/extend", s.extend)
		r.Delete("/api/seats/lock/{lock}", s.release)
		r.Post("/api/purchase", s.purchase)
	})
}

func allowed(r chi.Router, path string) []string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		if r.Match(chi.NewRouteContext(), m, path) {
			out = append(out, m)
		}
	}
	return out
}

// reading bounds a call that changes nothing; it ends with its client.
func reading(d time.Duration) func(http.Handler) http.Handler {
	return within(d, func(ctx context.Context) context.Context { return ctx })
}

// changing bounds a call that changes something. It goes on when its client has
// left: stopping half way would only make an outcome unknown that can be known.
func changing(d time.Duration) func(http.Handler) http.Handler {
	return within(d, context.WithoutCancel)
}

func within(d time.Duration, base func(context.Context) context.Context) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(base(r.Context()), d)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// fail answers with what err means. Refusals are daily business and outages
// show in the metrics; only a surprise is logged loudly.
func (s *Shop) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.From(err)
	level := slog.LevelDebug
	if p.Status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	s.Log.Log(r.Context(), level, "request failed", "method", r.Method, "path", r.URL.Path, "code", p.Code, "outcome", string(p.Outcome), "err", err)
	problem.Write(w, err)
}
