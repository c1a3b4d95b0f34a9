package stack

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Until calls condition again and again, with a pause of every in between, until
// it returns nil. When ctx ends first, the error says what condition answered
// last, which is what somebody who waited in vain wants to know, and wraps both
// that and ctx's cause.
func Until(ctx context.Context, every time.Duration, condition func(context.Context) error) error {
	begun, last := time.Now(), errors.New("never tried")
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w after %v, last: %w", context.Cause(ctx), time.Since(begun).Round(time.Millisecond), last)
		case <-pause.C:
		}
		err := condition(ctx)
		if err == nil {
			return nil
		}
		// A condition that was cut short by ctx says nothing about what it waits
		// for: the answer before it does.
		if ctx.Err() == nil {
			last = err
		}
		pause.Reset(every)
	}
}
