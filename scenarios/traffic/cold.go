package traffic

import (
	"context"
	"strconv"
	"time"

	"eventflow/scenarios/history"
)

// Events are numbered from 1 upwards, so nothing lives near the end of what the
// contract's integers can say.
const (
	lastCold   = 2_000_000_000
	coldEvents = 1_000_000_000 // below lastCold
)

// coldEvent is the event that the nth cold read asks for: downwards from a place
// of the sale's own, so that the next drill on this stack asks for others.
func (s Sale) coldEvent(n int) int {
	first := stream(s.Seed, "cold", s.Event).IntN(coldEvents)
	return lastCold - (first+n)%coldEvents
}

// askCold is one read that no cache can answer.
func (r *run) askCold(ctx context.Context, n int, intended time.Duration) {
	r.shop.person(0, r.sale.Timeout).cold(ctx, history.Op{Event: r.sale.coldEvent(n), Intended: intended})
}

// cold asks for an event that does not exist.
func (p *person) cold(ctx context.Context, op history.Op) history.Op {
	op.Kind = history.Cold
	return p.do(ctx, op, p.get("/api/events/"+strconv.Itoa(op.Event)), func(op *history.Op, _ *answer) {
		contradiction(op, "event %d does not exist and was shown", op.Event)
	})
}
