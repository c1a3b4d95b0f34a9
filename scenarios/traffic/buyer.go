package traffic

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"eventflow/scenarios/history"
)

// buyer is one session: enter, look, take seats, and end as chosen.
type buyer struct {
	run    *run
	choice choice
	person *person
	step   int             // pauses taken
	free   map[string]bool // what the seat map said; nil: it said nothing
	taken  map[string]bool // seats that a lock was refused for
}

// pending is a purchase whose buyer does not know what became of it.
type pending struct {
	buyer, attempt int
	lock, token    string
	seats          []string
}

// visit plays buyer k from the door on. A buyer whom the end of the sale finds
// between two steps goes home; an op under way is finished.
func (r *run) visit(ctx context.Context, k int, intended time.Duration) {
	b := &buyer{
		run:    r,
		choice: r.sale.choose(k, len(r.hall)),
		person: r.shop.person(k, r.sale.Timeout),
		taken:  map[string]bool{},
	}
	if !b.enter(ctx, intended) || !b.look(ctx) {
		return
	}
	if lock, ok := b.take(ctx); ok {
		b.end(ctx, lock)
	}
}

// enter gets a token: an old one if the sale has them, with an account if the
// buyer wants one, otherwise, and when accounts can not be had, as a guest.
func (b *buyer) enter(ctx context.Context, intended time.Duration) bool {
	if b.run.sale.OldTokens {
		b.person.token = b.run.guests[b.choice.guest]
		return true
	}
	name := fmt.Sprintf("buyer-%d-%d-%d", b.run.sale.Event, b.run.sale.Seed, b.person.buyer)
	if b.choice.registers {
		op := b.person.register(ctx, history.Op{Intended: intended}, newAccount(name))
		if op.Outcome == history.OK {
			return true
		}
		intended = b.run.shop.recorder.Now()
	}
	return b.insist(ctx, intended, 3, func(attempt int, at time.Duration) history.Op {
		return b.person.guest(ctx, history.Op{Attempt: attempt, Intended: at}, name)
	}).Outcome == history.OK
}

// look reads the list of events and the seat map. A buyer who is shown no map
// asks for seats all the same: the page had one a minute ago.
func (b *buyer) look(ctx context.Context) bool {
	at, ok := b.think(ctx)
	if !ok {
		return false
	}
	b.person.events(ctx, history.Op{Intended: at})
	if at, ok = b.think(ctx); !ok {
		return false
	}
	op, m := b.person.seats(ctx, history.Op{Event: b.run.sale.Event, Intended: at}, b.run.maps.next())
	if op.Outcome == history.OK {
		_, b.free = m.flat()
	}
	return true
}

// take asks for seats, and for others when those are taken. A request that was
// not answered, or not now, is repeated under the same request id.
func (b *buyer) take(ctx context.Context) (history.Op, bool) {
	for try, id := range b.choice.requests {
		seats := b.pick(try)
		if len(seats) == 0 {
			return history.Op{}, false // sold out
		}
		first, ok := b.think(ctx)
		if !ok {
			return history.Op{}, false
		}
		op := b.insist(ctx, first, b.run.sale.Attempts, func(attempt int, at time.Duration) history.Op {
			return b.person.lock(ctx, history.Op{Event: b.run.sale.Event, Seats: seats, Attempt: attempt, Intended: at}, id)
		})
		if op.Code != http.StatusConflict {
			return op, op.Outcome == history.OK
		}
		b.learn(seats)
	}
	return history.Op{}, false
}

// pick names the seats to ask for. A buyer who insists tries the favourites
// first, whatever the map shows: that is how two people want one seat.
func (b *buyer) pick(try int) []string {
	if b.choice.block > 0 {
		return b.pickAgain(try)
	}
	believes := b.free != nil && !(b.choice.insists && try == 0)
	var seats []string
	for _, place := range b.choice.ranking {
		seat := b.run.hall[place]
		if b.taken[seat] || believes && !b.free[seat] {
			continue
		}
		if seats = append(seats, seat); len(seats) == b.choice.party {
			break
		}
	}
	return seats
}

// pickAgain names seats of the hot block, others at every try, and from the front
// again when the block has no more.
func (b *buyer) pickAgain(try int) []string {
	party := min(b.choice.party, b.choice.block)
	var seats []string
	for i := range party {
		seats = append(seats, b.run.hall[b.choice.ranking[(try*party+i)%b.choice.block]])
	}
	return seats
}

// learn remembers which of the seats just refused are taken: all, if the shop
// did not say.
func (b *buyer) learn(asked []string) {
	for _, seat := range b.person.told.Seats {
		b.taken[seat] = true
	}
	if len(b.person.told.Seats) == 0 {
		for _, seat := range asked {
			b.taken[seat] = true
		}
	}
}

// end is what the buyer does with the seats held.
func (b *buyer) end(ctx context.Context, lock history.Op) {
	on := history.Op{Event: lock.Event, Seats: lock.Seats, LockID: lock.LockID, Transaction: lock.Transaction}
	if b.choice.extends {
		at, ok := b.think(ctx)
		if !ok {
			return
		}
		on.Intended = at
		b.person.extend(ctx, on)
	}
	at, ok := b.decide(ctx)
	if !ok || b.choice.ending == walksAway {
		return
	}
	if b.choice.ending == buys {
		b.buy(ctx, on, at)
		return
	}
	b.insist(ctx, at, 3, func(attempt int, at time.Duration) history.Op {
		on.Attempt, on.Intended = attempt, at
		return b.person.release(ctx, on)
	})
}

// decide is the pause before the last step: thought, and for some hesitation.
func (b *buyer) decide(ctx context.Context) (at time.Duration, ok bool) {
	if b.choice.hesitates {
		if _, ok := b.pause(ctx, b.run.sale.HoldFor); !ok {
			return 0, false
		}
	}
	return b.think(ctx)
}

// buy buys with one lock, however often it has to be asked: every try is the
// same purchase. A buyer who was left in doubt comes back after the sale.
func (b *buyer) buy(ctx context.Context, on history.Op, first time.Duration) {
	doubt := false
	last := b.insist(ctx, first, b.run.sale.Attempts, func(attempt int, at time.Duration) history.Op {
		op := b.ask(ctx, on, attempt, at)
		doubt = doubt || op.Outcome == history.Unknown
		return op
	})
	accepted := last.Outcome == history.OK
	known := accepted || !again(last)
	if (accepted || doubt) && b.follow(ctx, on) {
		known = true
	}
	if doubt && !known {
		b.run.leave(pending{buyer: b.person.buyer, attempt: last.Attempt + 1, lock: on.LockID, token: b.person.token, seats: on.Seats})
	}
}

// ask is one try to buy. An impatient buyer's first try is several at once, and
// the retries count on from there.
func (b *buyer) ask(ctx context.Context, on history.Op, attempt int, at time.Duration) history.Op {
	on.Attempt, on.Intended = attempt, at
	if !b.choice.presses {
		return b.person.purchase(ctx, on)
	}
	if attempt == 0 {
		return b.press(ctx, on)
	}
	on.Attempt += presses - 1
	return b.person.purchase(ctx, on)
}

// follow asks after the purchase until it has ended, and says whether it has.
func (b *buyer) follow(ctx context.Context, on history.Op) bool {
	for n := range b.run.sale.Polls {
		at, ok := b.pause(ctx, b.choice.backoff(b.run.sale, n))
		if !ok {
			return false
		}
		op := b.person.status(ctx, history.Op{Event: on.Event, Seats: on.Seats, LockID: on.LockID, Transaction: on.Transaction, Attempt: n, Intended: at})
		if op.State == "confirmed" || op.State == "rejected" {
			return true
		}
	}
	return false
}

// insist repeats an op that was answered "not now" or not at all, a bounded
// number of times, and returns the last try. The first is meant for the offset
// first.
func (b *buyer) insist(ctx context.Context, first time.Duration, times int, try func(attempt int, at time.Duration) history.Op) history.Op {
	op := try(0, first)
	for n := 1; n < times && again(op); n++ {
		at, ok := b.pause(ctx, b.choice.backoff(b.run.sale, n-1))
		if !ok {
			break
		}
		op = try(n, at)
	}
	return op
}

// again says whether asking for the same once more makes sense.
func again(op history.Op) bool {
	switch {
	case op.Outcome == history.OK:
		return false
	case op.Outcome == history.Unknown, op.Code == 0:
		return true
	default:
		return op.Code == http.StatusTooManyRequests || op.Code >= http.StatusBadGateway
	}
}

// think is the pause before the next step.
func (b *buyer) think(ctx context.Context) (at time.Duration, ok bool) {
	b.step++
	return b.pause(ctx, b.choice.think(b.run.sale, b.step-1))
}

// pause waits and returns when the next op is meant to start: a late timer is
// the lab's delay, and shows in the op's latency. Not ok: the sale is over.
func (b *buyer) pause(ctx context.Context, d time.Duration) (at time.Duration, ok bool) {
	at = b.run.shop.recorder.Now() + d
	return at, b.run.until(ctx, at)
}
