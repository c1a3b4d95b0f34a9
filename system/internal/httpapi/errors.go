package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"eventflow/system/internal/ticket"
)

// Errors turns errors into answers: the one place where it is done.
type Errors struct{ Log *slog.Logger }

// Fail answers with what err means. Only surprises are logged loudly: refusals
// are daily business and outages show in the metrics.
func (e Errors) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r, err)
	level := slog.LevelDebug
	if p.Status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	e.Log.Log(r.Context(), level, "request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "code", p.Code, "outcome", p.Outcome, "err", err)
	if err := p.Write(w); err != nil {
		e.Log.DebugContext(r.Context(), "answer not written", "err", err)
	}
}

// problemOf gives an error its status. A read changes nothing, so whatever went
// wrong with it, nothing happened; only an explicit Problem says otherwise.
func problemOf(r *http.Request, err error) *Problem {
	var own *Problem
	if errors.As(err, &own) {
		return own
	}
	p := ProblemOf(err)
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && p.Outcome == Unknown {
		p.Outcome = None
		if p.Status == http.StatusServiceUnavailable {
			p.Code, p.Detail = "unavailable", "the answer could not be had in time"
		}
	}
	return p
}

// rule is what a broken rule is called in HTTP.
type rule struct {
	err    error
	status int
	code   string
}

// rules in the order they are looked for.
func rules() []rule {
	return []rule{
		{ticket.ErrInvalid, http.StatusUnprocessableEntity, "invalid_request"},
		{ticket.ErrNoEvent, http.StatusNotFound, "no_event"},
		{ticket.ErrNoSeat, http.StatusNotFound, "no_seat"},
		{ticket.ErrSeatTaken, http.StatusConflict, "seat_taken"},
		{ticket.ErrNoLock, http.StatusNotFound, "no_lock"},
		{ticket.ErrLockLapsed, http.StatusGone, "lock_lapsed"},
		{ticket.ErrNotOwner, http.StatusForbidden, "not_owner"},
		{ticket.ErrLockInUse, http.StatusConflict, "lock_in_use"},
		{ticket.ErrRejected, http.StatusConflict, "purchase_rejected"},
		{ticket.ErrNoPurchase, http.StatusNotFound, "no_purchase"},
		{ticket.ErrEmailTaken, http.StatusConflict, "email_taken"},
		{ticket.ErrWrongPassword, http.StatusUnauthorized, "wrong_credentials"},
	}
}

// ProblemOf gives an error its status. Trouble comes first: an error that is
// both a rule and a doubt is a doubt. What nobody classified counts as unknown.
func ProblemOf(err error) *Problem {
	switch {
	case errors.Is(err, ticket.ErrUnknown):
		return unknown()
	case errors.Is(err, ticket.ErrUnavailable):
		return unavailable(err)
	}
	for _, r := range rules() {
		if errors.Is(err, r.err) {
			return NewProblem(r.status, r.code, err.Error())
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return unknown()
	}
	return &Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "unexpected failure", Outcome: Unknown}
}

func unknown() *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Code: "outcome_unknown", Outcome: Unknown,
		Detail: "it may have happened; repeat the same request to find out"}
}

// unavailable names the dependency but not the cause, which may hold addresses.
func unavailable(err error) *Problem {
	code, dependency := "unavailable", "a dependency"
	var t *ticket.Trouble
	if errors.As(err, &t) {
		dependency = t.Dependency
		switch dependency {
		case "postgres":
			code = "database_unavailable"
		case "redis":
			code = "redis_unavailable"
		case "rabbitmq":
			code = "queue_unavailable"
		}
	}
	return NewProblem(http.StatusServiceUnavailable, code, dependency+" does not answer; nothing has been done, try again")
}
