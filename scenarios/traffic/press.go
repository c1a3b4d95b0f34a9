package traffic

import (
	"context"
	"sync"

	"eventflow/scenarios/history"
)

// presses is how often an impatient buyer presses "buy" at one moment.
const presses = 5

// press asks for one purchase presses times at once. Every press is an op of a
// process of its own, over a connection of its own, which nginx gives to the
// nodes in turn. Their attempts are numbered from 0 to presses-1. That all
// acceptances name one transaction is checked where every acceptance is: against
// the id that the contract gives the lock.
func (b *buyer) press(ctx context.Context, on history.Op) history.Op {
	told := make([]history.Op, presses)
	var group sync.WaitGroup
	for i := range told {
		one, hand := on, b.person.hand()
		one.Attempt = i
		group.Go(func() { told[i] = hand.purchase(ctx, one) })
	}
	group.Wait()
	return conclude(told)
}

// hand is the same buyer asking a second time at the same moment: another
// process, and a connection that nobody used before.
func (p *person) hand() *person {
	other := *p
	other.process, other.transport = p.shop.nextProcess(), p.shop.fresh
	return &other
}

// conclude is what a buyer may think after several answers to one question: one
// "yes" is enough, and as long as one press is undecided all are.
func conclude(told []history.Op) history.Op {
	best := told[0]
	for _, op := range told[1:] {
		if weight(op) > weight(best) {
			best = op
		}
	}
	best.Attempt = len(told) - 1
	return best
}

func weight(op history.Op) int {
	switch {
	case op.Outcome == history.OK:
		return 3
	case op.Outcome == history.Unknown:
		return 2
	case again(op):
		return 1
	}
	return 0
}
