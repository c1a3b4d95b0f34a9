package cache

import (
	"context"
	"errors"
	"time"
)

// Keeping copies warm: a hall that nobody has looked at yet has no copy, and an
// outage must not find it without one.
const (
	warmEvery = 30 * time.Second
	warmRetry = time.Second // until a round succeeds
	// warmMost bounds a round to the events that start soonest: three reads each,
	// well under the node's limit on reads of the store.
	warmMost = 20
)

// KeepWarm reads every event's hall and sold seats now and then, so that their
// copies exist before anybody asks. It ends with ctx.
func (c *Cache) KeepWarm(ctx context.Context) error {
	for {
		pause := warmEvery
		if err := c.warm(ctx); err != nil {
			pause = warmRetry
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (c *Cache) warm(ctx context.Context) error {
	events, err := c.Events(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range events.Value[:min(len(events.Value), warmMost)] {
		_, hallErr := c.Hall(ctx, e.ID)
		_, soldErr := c.Sold(ctx, e.ID)
		errs = append(errs, hallErr, soldErr)
	}
	return errors.Join(errs...)
}
