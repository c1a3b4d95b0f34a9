package account

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"eventflow/system/internal/problem"

	"github.com/go-chi/chi/v5"
)

// Routes answers /register, /login and /guest, to be mounted at /api/auth. A
// request is given up after limit, which is longer than any step it is made of.
func Routes(a *Accounts, limit time.Duration, log *slog.Logger) http.Handler {
	h := handlers{a, limit, log}
	r := chi.NewRouter()
	r.NotFound(problem.NotFound)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		problem.MethodNotAllowed(w, r)
	})
	r.Post("/register", h.register)
	r.Post("/login", h.login)
	r.Post("/guest", h.guest)
	return r
}

type handlers struct {
	accounts *Accounts
	limit    time.Duration
	log      *slog.Logger
}

func (h handlers) register(w http.ResponseWriter, r *http.Request) {
	var in Registration
	h.answer(w, r, &in, http.StatusCreated, func(ctx context.Context) (Pass, error) {
		return h.accounts.Register(ctx, in)
	})
}

func (h handlers) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	h.answer(w, r, &in, http.StatusOK, func(ctx context.Context) (Pass, error) {
		return h.accounts.Login(ctx, in.Email, in.Password)
	})
}

func (h handlers) guest(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Nickname string `json:"nickname"`
	}
	h.answer(w, r, &in, http.StatusOK, func(context.Context) (Pass, error) {
		return h.accounts.Guest(in.Nickname)
	})
}

// answer reads the body into in, does the work within the limit and writes what
// came of it. Answers hold tokens: nobody on the way may keep them.
func (h handlers) answer(w http.ResponseWriter, r *http.Request, in any, status int, do func(context.Context) (Pass, error)) {
	if err := problem.Decode(w, r, in); err != nil {
		problem.Write(w, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.limit)
	defer cancel()
	pass, err := do(ctx)
	if err != nil {
		h.note(r, err)
		problem.Write(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	problem.JSON(w, status, pass)
}

// note logs what an operator can do something about; wrong passwords and taken
// addresses are everyday life and are counted, not logged.
func (h handlers) note(r *http.Request, err error) {
	if p := problem.From(err); p.Status >= http.StatusInternalServerError && !errors.Is(r.Context().Err(), context.Canceled) {
		h.log.Warn("request failed", "route", r.URL.Path, "code", p.Code, "outcome", string(p.Outcome), "err", err)
	}
}
