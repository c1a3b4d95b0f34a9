package traffic

import (
	"context"
	"fmt"

	"eventflow/scenarios/history"
)

// oldTokens is how many guests a sale with old tokens lets in before its doors
// open: few enough to take no time, many enough that buyers rarely share one.
const oldTokens = 50

// letGuestsIn gets the tokens with which everybody will buy.
func (r *run) letGuestsIn(ctx context.Context) error {
	for n := range oldTokens {
		guest, err := r.letIn(ctx, fmt.Sprintf("early guest %d", n+1))
		if err != nil {
			return err
		}
		r.guests = append(r.guests, guest.token)
	}
	return nil
}

// letIn lets one guest into a healthy shop.
func (r *run) letIn(ctx context.Context, nickname string) (*person, error) {
	guest := r.shop.person(0, r.sale.Timeout)
	if op := guest.guest(ctx, history.Op{}, nickname); op.Outcome != history.OK {
		return nil, fmt.Errorf("let a guest in before the sale: %s", told(op))
	}
	return guest, nil
}
