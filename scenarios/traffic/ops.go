package traffic

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"eventflow/scenarios/history"

	"github.com/google/uuid"
)

// session is the answer to register and guest.
type session struct {
	Token string `json:"token"`
}

// keep takes the token of a new session.
func (p *person) keep(_ *history.Op, a *answer) {
	if s := decode[session](a); s.Token != "" {
		p.token = s.Token
	} else if a.err == nil {
		a.err = fmt.Errorf("%w: token", errMissing)
	}
}

// guest asks for a guest's token.
func (p *person) guest(ctx context.Context, op history.Op, nickname string) history.Op {
	op.Kind = history.Enter
	body := map[string]string{"nickname": nickname}
	return p.do(ctx, op, request{method: http.MethodPost, url: p.shop.base + "/api/auth/guest", body: body}, p.keep)
}

// account is what a member types.
type account struct{ name, email, password string }

func newAccount(name string) account {
	return account{name: name, email: name + "@example.test", password: "a password of " + name}
}

// register opens an account.
func (p *person) register(ctx context.Context, op history.Op, of account) history.Op {
	op.Kind = history.Register
	body := map[string]string{"email": of.email, "name": of.name, "password": of.password}
	return p.do(ctx, op, request{method: http.MethodPost, url: p.shop.base + "/api/auth/register", body: body}, p.keep)
}

// login enters with an account.
func (p *person) login(ctx context.Context, op history.Op, with account) history.Op {
	op.Kind = history.Login
	body := map[string]string{"email": with.email, "password": with.password}
	return p.do(ctx, op, request{method: http.MethodPost, url: p.shop.base + "/api/auth/login", body: body}, p.keep)
}

// events reads the list of events.
func (p *person) events(ctx context.Context, op history.Op) history.Op {
	op.Kind = history.Events
	return p.do(ctx, op, p.get("/api/events"), func(op *history.Op, a *answer) {
		list := decode[struct {
			Events []struct {
				ID int `json:"id"`
			} `json:"events"`
			Source string `json:"source"`
		}](a)
		op.Source = fallback(list.Source, op.Source)
		op.State = strconv.Itoa(len(list.Events))
	})
}

// seatMap is the hall as a buyer sees it.
type seatMap struct {
	Source   string `json:"source"`
	Sections []struct {
		Rows []struct {
			Seats []struct {
				ID    string `json:"id"`
				State string `json:"state"`
			} `json:"seats"`
		} `json:"rows"`
	} `json:"sections"`
}

// flat is the hall's seats in order, and which of them are free.
func (m seatMap) flat() (seats []string, free map[string]bool) {
	free = map[string]bool{}
	for _, section := range m.Sections {
		for _, row := range section.Rows {
			for _, seat := range row.Seats {
				seats = append(seats, seat.ID)
				if seat.State == "free" {
					free[seat.ID] = true
				}
			}
		}
	}
	return seats, free
}

// seats reads the seat map of the event. Which seats were free is noted by their
// places in the hall; nil places: only how many.
func (p *person) seats(ctx context.Context, op history.Op, at *places) (history.Op, seatMap) {
	op.Kind = history.Seats
	var m seatMap
	op = p.do(ctx, op, p.get("/api/events/"+strconv.Itoa(op.Event)+"/seats"), func(op *history.Op, a *answer) {
		m = decode[seatMap](a)
		op.Source = fallback(m.Source, op.Source)
		seats, free := m.flat()
		if len(seats) == 0 && a.err == nil {
			a.err = fmt.Errorf("%w: seats", errMissing) // an empty hall is an error in a 200's clothes
		}
		op.State = strconv.Itoa(len(free))
		op.Free = at.bits(free)
	})
	return op, m
}

// hold is the answer to lock and extend.
type hold struct {
	LockID  string   `json:"lock_id"`
	Seats   []string `json:"seats"`
	Seconds float64  `json:"expires_in_seconds"`
}

// lock asks for op.Seats under a request id: repeated, it is the same lock.
func (p *person) lock(ctx context.Context, op history.Op, id uuid.UUID) history.Op {
	op.Kind = history.Lock
	body := map[string]any{"event_id": op.Event, "seats": op.Seats, "request_id": id.String()}
	return p.do(ctx, op, request{method: http.MethodPost, url: p.base + "/api/seats/lock", token: p.token, body: body}, holds)
}

// holds takes the lock's id and time left.
func holds(op *history.Op, a *answer) {
	h := decode[hold](a)
	switch {
	case a.err != nil:
	case h.LockID == "":
		a.err = fmt.Errorf("%w: lock_id", errMissing)
	default:
		if op.LockID != "" && op.LockID != h.LockID {
			contradiction(op, "asked about lock %s, was told of %s", op.LockID, h.LockID)
		}
		if !sameSeats(op.Seats, h.Seats) {
			contradiction(op, "asked about seats %v, was told of %v", op.Seats, h.Seats)
		}
		op.LockID = fallback(op.LockID, h.LockID)
		op.Transaction = TransactionID(op.LockID)
		op.Expires = time.Duration(h.Seconds * float64(time.Second))
	}
}

func sameSeats(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// extend asks for more time on op.LockID.
func (p *person) extend(ctx context.Context, op history.Op) history.Op {
	op.Kind = history.Extend
	return p.do(ctx, op, p.onLock(http.MethodPost, op.LockID, "/extend"), holds)
}

// release gives op.LockID back.
func (p *person) release(ctx context.Context, op history.Op) history.Op {
	op.Kind = history.Release
	return p.do(ctx, op, p.onLock(http.MethodDelete, op.LockID, ""), nothing)
}

// nothing reads an answer that carries nothing.
func nothing(*history.Op, *answer) {}

// purchase buys what op.LockID holds.
func (p *person) purchase(ctx context.Context, op history.Op) history.Op {
	op.Kind = history.Purchase
	op.Transaction = TransactionID(op.LockID)
	body := map[string]string{"lock_id": op.LockID}
	r := request{method: http.MethodPost, url: p.base + "/api/purchase", token: p.token, body: body}
	return p.do(ctx, op, r, accepted)
}

// accepted checks that the shop promises the purchase that the contract names.
func accepted(op *history.Op, a *answer) {
	got := decode[struct {
		Status      string `json:"status"`
		Transaction string `json:"transaction_id"`
	}](a)
	if a.err != nil {
		return
	}
	if a.status != http.StatusAccepted || got.Status != "ACCEPTED_ASYNC" {
		contradiction(op, "purchase answered %d %q, not 202 ACCEPTED_ASYNC", a.status, got.Status)
	}
	if got.Transaction != op.Transaction {
		contradiction(op, "lock %s is transaction %s, was told %q", op.LockID, op.Transaction, got.Transaction)
	}
}

// status asks after op.Transaction.
func (p *person) status(ctx context.Context, op history.Op) history.Op {
	op.Kind = history.Status
	return p.do(ctx, op, p.get("/api/purchases/"+op.Transaction), func(op *history.Op, a *answer) {
		got := decode[struct {
			Status      string   `json:"status"`
			Transaction string   `json:"transaction_id"`
			Seats       []string `json:"seats"`
		}](a)
		if op.State = got.Status; got.Status == "" && a.err == nil {
			a.err = fmt.Errorf("%w: status", errMissing)
		}
		if a.err == nil && got.Transaction != op.Transaction {
			contradiction(op, "asked after %s, was told of %q", op.Transaction, got.Transaction)
		}
	})
}

func (p *person) get(path string) request {
	return request{method: http.MethodGet, url: p.base + path, token: p.token}
}

func (p *person) onLock(method, lockID, action string) request {
	return request{method: method, url: p.base + "/api/seats/lock/" + lockID + action, token: p.token}
}
