package traffic

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"eventflow/scenarios/history"
)

// The names of what forgers try, as Op.Forgery has them, apart from the tokens of
// forged.
const (
	// LongPassword is a password of 72 bytes, all that bcrypt looks at, with a
	// byte more at its end.
	LongPassword = "long-password"
	// ForeignLock is the lock of somebody else, to buy or to give back.
	ForeignLock = "foreign-lock"
)

// forger is somebody who tries, one after another, what must never be honoured.
type forger struct {
	attacks []attack
	victim  *person    // an honest guest
	lock    history.Op // held by the victim all the time
}

// attack is one call that must be refused.
type attack struct {
	forgery string
	do      func(context.Context, *person, history.Op) history.Op
}

// letForgersIn makes the forger's material from what a buyer can have: two
// guests' tokens, a member's account, and a lock of a seat that is not for sale.
func (r *run) letForgersIn(ctx context.Context) error {
	victim, err := r.letIn(ctx, "victim")
	if err != nil {
		return err
	}
	stranger, err := r.letIn(ctx, "stranger")
	if err != nil {
		return err
	}
	tokens, err := forged(victim.token, stream(r.sale.Seed, "forger", 0), time.Now())
	if err != nil {
		return err
	}
	r.forger = &forger{victim: victim}
	if err := r.lockForVictim(ctx); err != nil {
		return err
	}
	r.plan(tokens, stranger.token)
	return nil
}

// lockForVictim takes the first seat behind those for sale that is free.
func (r *run) lockForVictim(ctx context.Context) error {
	chance := stream(r.sale.Seed, "victim", r.sale.Event)
	var op history.Op
	for _, seat := range r.rest {
		op = r.forger.victim.lock(ctx, history.Op{Event: r.sale.Event, Seats: []string{seat}}, randomUUID(chance))
		if op.Code != http.StatusConflict {
			break
		}
	}
	if op.Outcome != history.OK {
		return fmt.Errorf("lock a seat for the forgers to want: %s", told(op))
	}
	r.forger.lock = history.Op{Event: op.Event, Seats: op.Seats, LockID: op.LockID, Transaction: op.Transaction}
	return nil
}

// plan lists the attacks in the order in which they are tried, round and round:
// every forgery within the first ten, on a read; then on a lock.
func (r *run) plan(tokens []forgedToken, stranger string) {
	lock, member := r.forger.lock.LockID, r.member
	reads, locks := r.withTokens(tokens)
	r.forger.attacks = append(reads,
		attack{LongPassword, func(ctx context.Context, p *person, op history.Op) history.Op {
			body := map[string]string{"email": member.email, "password": member.password + "x"}
			return p.forge(ctx, op, request{method: http.MethodPost, url: p.base + "/api/auth/login", body: body})
		}},
		attack{ForeignLock, func(ctx context.Context, p *person, op history.Op) history.Op {
			p.token, op.LockID = stranger, lock
			body := map[string]string{"lock_id": lock}
			return p.forge(ctx, op, request{method: http.MethodPost, url: p.base + "/api/purchase", token: stranger, body: body})
		}},
	)
	r.forger.attacks = append(r.forger.attacks, locks...)
	r.forger.attacks = append(r.forger.attacks, attack{ForeignLock, func(ctx context.Context, p *person, op history.Op) history.Op {
		p.token, op.LockID = stranger, lock
		return p.forge(ctx, op, p.onLock(http.MethodDelete, lock, ""))
	}})
}

// withTokens is every forged token tried on two routes behind the door: one that
// reads, and one that would take a seat that nobody else wants.
func (r *run) withTokens(tokens []forgedToken) (reads, locks []attack) {
	seat, event := r.rest[len(r.rest)/2], r.sale.Event
	chance := stream(r.sale.Seed, "forger's requests", event)
	for _, token := range tokens {
		reads = append(reads, attack{token.forgery, func(ctx context.Context, p *person, op history.Op) history.Op {
			p.token = token.text
			return p.forge(ctx, op, p.get("/api/purchases"))
		}})
		id := randomUUID(chance).String()
		locks = append(locks, attack{token.forgery, func(ctx context.Context, p *person, op history.Op) history.Op {
			body := map[string]any{"event_id": event, "seats": []string{seat}, "request_id": id}
			return p.forge(ctx, op, request{method: http.MethodPost, url: p.base + "/api/seats/lock", token: token.text, body: body})
		}})
	}
	return reads, locks
}

// forge is the nth attack of the sale.
func (r *run) forge(ctx context.Context, n int, intended time.Duration) {
	a := r.forger.attacks[(n-1)%len(r.forger.attacks)]
	a.do(ctx, r.shop.person(0, r.sale.Timeout), history.Op{Event: r.sale.Event, Forgery: a.forgery, Intended: intended})
}

// forge sends what must be refused.
func (p *person) forge(ctx context.Context, op history.Op, with request) history.Op {
	op.Kind = history.Forge
	return p.do(ctx, op, with, nothing)
}

// giveBack ends what the forgers' victim holds, when the sale is over.
func (f *forger) giveBack(ctx context.Context) {
	if f != nil {
		f.victim.release(ctx, f.lock)
	}
}
