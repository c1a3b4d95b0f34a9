// Package problem writes EventFlow's error answers: RFC 9457 problem details with
// a stable code and, on every one of them, the header X-Outcome that says whether
// what was asked may have happened all the same.
//
// It is the one place where an error of the domain becomes an HTTP status. It
// must not know which handler asks.
package problem

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"eventflow/system/internal/ticket"
)

// Outcome is what an error answer says about the request's effect.
type Outcome string

// The outcomes of a request that failed.
const (
	None    Outcome = "none"    // it did not happen and never will
	Unknown Outcome = "unknown" // it may have happened, or may yet: repeat the same request to find out
)

// Problem is an error answer. It is an error, so that helpers can return it.
type Problem struct {
	Status  int
	Code    string // stable; clients decide by it
	Detail  string // for people
	Outcome Outcome
	Extra   map[string]any // further members of the body: the seats taken, the transaction's id
}

// New is a problem of which nothing came.
func New(status int, code, detail string) *Problem {
	return &Problem{Status: status, Code: code, Detail: detail, Outcome: None}
}

// Error is the code with its detail.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// With returns a copy with one more member in the body.
func (p *Problem) With(name string, value any) *Problem {
	c := *p
	c.Extra = maps.Clone(p.Extra)
	if c.Extra == nil {
		c.Extra = map[string]any{}
	}
	c.Extra[name] = value
	return &c
}

// From says what an error means for the one who asked. A *Problem on the way
// stays what it is. An error that nobody foresaw is a 500 of unknown outcome: we
// know neither what happened nor what did not.
func From(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if p := trouble(err); p != nil {
		return p
	}
	for _, r := range rules() {
		if errors.Is(err, r.err) {
			return New(r.status, r.code, cmp.Or(r.detail, err.Error()))
		}
	}
	return &Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "something broke that nobody foresaw; see the node's log", Outcome: Unknown}
}

// trouble is "not now" or "don't know".
func trouble(err error) *Problem {
	switch {
	case errors.Is(err, ticket.ErrUnknown):
		return &Problem{Status: http.StatusServiceUnavailable, Code: "outcome_unknown", Outcome: Unknown,
			Detail: "it may have happened or not; the same request, repeated, finds out"}
	case errors.Is(err, ticket.ErrUnavailable):
		var t *ticket.Trouble
		if !errors.As(err, &t) {
			t = &ticket.Trouble{}
		}
		return New(http.StatusServiceUnavailable, unavailable(t.Dependency), "not now; nothing happened, try again")
	}
	return nil
}

func unavailable(dependency string) string {
	switch dependency {
	case "postgres":
		return "database_unavailable"
	case "redis":
		return "redis_unavailable"
	case "rabbitmq":
		return "queue_unavailable"
	}
	return "unavailable"
}

type rule struct {
	err          error
	status       int
	code, detail string
}

func rules() []rule {
	return []rule{
		{ticket.ErrInvalid, http.StatusUnprocessableEntity, "invalid_request", ""}, // the error itself says what is wrong,
		{ticket.ErrNoEvent, http.StatusNotFound, "no_event", "no such event"},
		{ticket.ErrNoSeat, http.StatusNotFound, "no_seat", "the hall has no such seat"},
		{ticket.ErrSeatTaken, http.StatusConflict, "seat_taken", "somebody else has a seat you want"},
		{ticket.ErrNoLock, http.StatusNotFound, "no_lock", "no such lock"},
		{ticket.ErrLockLapsed, http.StatusGone, "lock_lapsed", "the lock's time is over"},
		{ticket.ErrNotOwner, http.StatusForbidden, "not_owner", "the lock belongs to somebody else"},
		{ticket.ErrLockInUse, http.StatusConflict, "lock_in_use", "the lock's seats are being bought"},
		{ticket.ErrRejected, http.StatusConflict, "purchase_rejected", "the purchase was rejected"},
		{ticket.ErrNoPurchase, http.StatusNotFound, "no_purchase", "no such purchase"},
		{ticket.ErrEmailTaken, http.StatusConflict, "email_taken", "the address is registered already"},
		{ticket.ErrWrongPassword, http.StatusUnauthorized, "wrong_credentials", "wrong address or password"},
	}
}

// Write answers with the problem that err is, see From. Retry-After goes with
// every 503: a client that retries at once makes an outage longer.
func Write(w http.ResponseWriter, err error) {
	p := From(err)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Outcome", string(p.Outcome))
	switch p.Status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="eventflow"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.body()) // the client left: there is nobody to tell
}

func (p *Problem) body() map[string]any {
	body := map[string]any{}
	maps.Copy(body, p.Extra)
	body["type"], body["title"], body["status"] = "about:blank", http.StatusText(p.Status), p.Status
	body["code"], body["detail"] = p.Code, p.Detail
	return body
}

// NotFound answers a route that does not exist.
func NotFound(w http.ResponseWriter, _ *http.Request) {
	Write(w, New(http.StatusNotFound, "not_found", "there is nothing at this address"))
}

// MethodNotAllowed answers a route that exists for other methods.
func MethodNotAllowed(w http.ResponseWriter, _ *http.Request) {
	Write(w, New(http.StatusMethodNotAllowed, "method_not_allowed", "this address does not take this method"))
}
