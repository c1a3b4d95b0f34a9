package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"eventflow/scenarios/history"

	"github.com/google/uuid"
)

// journey is one careful customer who tries everything once.
type journey struct {
	first, second *person
	event         int
	seats         []string   // free ones to try with
	lock          history.Op // held now
	purchase      history.Op
}

// Journey tries everything once in the shop at baseURL, as Shop.Journey does.
func Journey(ctx context.Context, baseURL string, event int, rec Recorder) error {
	shop := Open(baseURL, rec)
	defer shop.Close()
	return shop.Journey(ctx, event, "")
}

// Journey does one fresh op of every kind, as the check before and after a
// drill: register, log in, enter as a guest, list events, read the map, lock,
// be refused the same seat for another guest, extend, release, lock again, buy
// and see it confirmed. It returns the first thing that went otherwise. Its ops
// are part of the history: it buys one seat.
//
// node is the base URL of one node, asked round nginx; empty: nginx chooses.
// Accounts and guests always come from the shop's own address. One try each:
// a shop that needs a second one is not healthy.
func (s *Shop) Journey(ctx context.Context, event int, node string) error {
	j := &journey{first: s.person(0, journeyPatience), second: s.person(0, journeyPatience), event: event}
	if node != "" {
		j.first.base, j.second.base = strings.TrimRight(node, "/"), strings.TrimRight(node, "/")
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"account", j.account}, {"guests", j.guests}, {"events", j.events}, {"seat map", j.look},
		{"lock", j.take}, {"second lock of the same seat", j.collide}, {"extend", j.extend},
		{"release", j.release}, {"lock after release", j.take}, {"purchase", j.buy}, {"status", j.confirm},
	} {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("journey: before %s: %w", step.name, err)
		}
		if err := step.do(ctx); err != nil {
			j.giveBack(ctx)
			return fmt.Errorf("journey: %s: %w", step.name, err)
		}
	}
	return nil
}

// journeyPatience is the client's timeout of the shop's contract.
const journeyPatience = 3 * time.Second

// want is the complaint about an op that did not end as it had to.
func want(op history.Op, outcome history.Outcome, code int) error {
	if op.Outcome == outcome && op.Code == code && op.Error == "" {
		return nil
	}
	return fmt.Errorf("wanted %s %d, got %s (node %q)", outcome, code, told(op), op.Node)
}

// account opens an account and logs in with it.
func (j *journey) account(ctx context.Context) error {
	name := "journey-" + uuid.NewString()
	op := j.first.register(ctx, history.Op{}, newAccount(name))
	if err := want(op, history.OK, http.StatusCreated); err != nil {
		return err
	}
	return want(j.first.login(ctx, history.Op{}, newAccount(name)), history.OK, http.StatusOK)
}

// guests lets both in as guests.
func (j *journey) guests(ctx context.Context) error {
	return errors.Join(
		want(j.first.guest(ctx, history.Op{}, "first"), history.OK, http.StatusOK),
		want(j.second.guest(ctx, history.Op{}, "second"), history.OK, http.StatusOK))
}

func (j *journey) events(ctx context.Context) error {
	return want(j.first.events(ctx, history.Op{}), history.OK, http.StatusOK)
}

// look finds free seats, from the end of the hall: a sale's hot seats are at its
// beginning.
func (j *journey) look(ctx context.Context) error {
	op, m := j.first.seats(ctx, history.Op{Event: j.event}, nil)
	if err := want(op, history.OK, http.StatusOK); err != nil {
		return err
	}
	all, free := m.flat()
	for _, seat := range slices.Backward(all) {
		if free[seat] {
			j.seats = append(j.seats, seat)
		}
	}
	if len(j.seats) == 0 {
		return fmt.Errorf("event %d is sold out: none of %d seats is free", j.event, len(all))
	}
	return nil
}

// take locks one seat. The map may be a moment old and others buy too, so a
// taken seat is no fault: the next is tried.
func (j *journey) take(ctx context.Context) error {
	var op history.Op
	for _, seat := range j.seats[:min(len(j.seats), 5)] {
		op = j.first.lock(ctx, history.Op{Event: j.event, Seats: []string{seat}}, uuid.New())
		if op.Code != http.StatusConflict {
			break
		}
	}
	j.lock = history.Op{Event: op.Event, Seats: op.Seats, LockID: op.LockID, Transaction: op.Transaction}
	return want(op, history.OK, http.StatusCreated)
}

// collide checks that the same seat is refused to somebody else.
func (j *journey) collide(ctx context.Context) error {
	op := j.second.lock(ctx, history.Op{Event: j.event, Seats: j.lock.Seats}, uuid.New())
	return want(op, history.Refused, http.StatusConflict)
}

func (j *journey) extend(ctx context.Context) error {
	return want(j.first.extend(ctx, j.lock), history.OK, http.StatusOK)
}

func (j *journey) release(ctx context.Context) error {
	lock := j.lock
	j.lock = history.Op{}
	return want(j.first.release(ctx, lock), history.OK, http.StatusNoContent)
}

func (j *journey) buy(ctx context.Context) error {
	lock := j.lock
	j.lock = history.Op{} // from here on it is not ours to give back
	j.purchase = j.first.purchase(ctx, lock)
	return want(j.purchase, history.OK, http.StatusAccepted)
}

// giveBack releases what a failed journey holds, as far as that works: journeys
// are repeated until one succeeds, and must not use up the hall.
func (j *journey) giveBack(ctx context.Context) {
	if j.lock.LockID != "" {
		j.first.release(ctx, j.lock)
	}
}

// confirm waits until the purchase is confirmed, for as long as ctx allows, 15 s
// at most.
func (j *journey) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	ask := history.Op{Event: j.purchase.Event, Seats: j.purchase.Seats, LockID: j.purchase.LockID, Transaction: j.purchase.Transaction}
	for ; ; ask.Attempt++ {
		op := j.first.status(ctx, ask)
		if op.State == "confirmed" && op.Error == "" {
			return nil
		}
		if op.State == "rejected" {
			return fmt.Errorf("purchase %s was rejected", op.Transaction)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("purchase %s is not confirmed: %s, state %q: %w", op.Transaction, told(op), op.State, ctx.Err())
		case <-tick.C:
		}
	}
}
