package httpapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"eventflow/system/internal/problem"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/ticket"
)

// users is the name space of buyers' own name spaces of lock ids.
var users = uuid.MustParse("b7d0a0d4-8c0e-5f0b-9a52-4a3f1f1e7c55")

// lockID makes the same request the same lock: repeating it finds out what
// became of it. One buyer's request ids mean nothing to another's.
func lockID(user, request string) (string, error) {
	if request == "" {
		return uuid.NewString(), nil
	}
	id, err := uuid.Parse(request)
	if err != nil {
		return "", fmt.Errorf("%w: request_id must be a uuid", ticket.ErrInvalid)
	}
	return uuid.NewSHA1(uuid.NewSHA1(users, []byte(user)), []byte(id.String())).String(), nil
}

type lockRequest struct {
	Event     int      `json:"event_id"`
	Seats     []string `json:"seats"`
	RequestID string   `json:"request_id"`
}

type lockAnswer struct {
	LockID      string    `json:"lock_id"`
	Event       int       `json:"event_id"`
	Seats       []string  `json:"seats"`
	AmountCents int       `json:"amount_cents"`
	ExpiresAt   time.Time `json:"expires_at"`
	ExpiresIn   int       `json:"expires_in_seconds"`
}

func (s *Shop) lockAnswer(l ticket.Lock) lockAnswer {
	left := max(0, math.Round(l.ExpiresAt.Sub(s.now()).Seconds()))
	return lockAnswer{l.ID, l.Event, l.Seats, l.AmountCents, l.ExpiresAt.UTC().Truncate(time.Millisecond), int(left)}
}

func (s *Shop) lock(w http.ResponseWriter, r *http.Request) {
	want, err := s.wanted(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	got, err := s.Holds.Lock(r.Context(), want)
	s.Counters.lock(err)
	if err != nil {
		s.fail(w, r, named(err))
		return
	}
	problem.JSON(w, http.StatusCreated, s.lockAnswer(got))
}

// wanted reads the request and prices it by the hall.
func (s *Shop) wanted(w http.ResponseWriter, r *http.Request) (ticket.Lock, error) {
	var req lockRequest
	if err := problem.Decode(w, r, &req); err != nil {
		return ticket.Lock{}, err
	}
	if err := ticket.CheckSeats(req.Seats); err != nil {
		return ticket.Lock{}, invalid(err)
	}
	id, err := lockID(buyer(r), req.RequestID)
	if err != nil {
		return ticket.Lock{}, invalid(err)
	}
	hall, err := s.Catalogue.Hall(r.Context(), req.Event)
	if err != nil {
		return ticket.Lock{}, err
	}
	amount, missing := hall.Value.Price(req.Seats)
	if len(missing) > 0 {
		return ticket.Lock{}, problem.From(ticket.ErrNoSeat).With("seats", missing)
	}
	return ticket.Lock{ID: id, User: buyer(r), Event: req.Event, Seats: req.Seats, AmountCents: amount}, nil
}

// invalid tells which rule was broken.
func invalid(err error) error {
	p := *problem.From(err)
	p.Detail = err.Error()
	return &p
}

// named adds the taken seats to a conflict.
func named(err error) error {
	var taken *seatlock.SeatsTaken
	if errors.As(err, &taken) {
		return problem.From(err).With("seats", taken.Seats)
	}
	return err
}

func (s *Shop) extend(w http.ResponseWriter, r *http.Request) {
	got, err := s.Holds.Extend(r.Context(), chi.URLParam(r, "lock"), buyer(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	problem.JSON(w, http.StatusOK, s.lockAnswer(got))
}

func (s *Shop) release(w http.ResponseWriter, r *http.Request) {
	if err := s.Holds.Release(r.Context(), chi.URLParam(r, "lock"), buyer(r)); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
