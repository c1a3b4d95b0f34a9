package stack_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"eventflow/scenarios/stack"
)

func TestUntil(t *testing.T) {
	t.Run("returns as soon as the condition holds", func(t *testing.T) {
		tries := 0
		err := stack.Until(t.Context(), time.Millisecond, func(context.Context) error {
			if tries++; tries < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		assert.NoError(t, err)
		assert.Equal(t, 3, tries)
	})
	t.Run("reports the last answer and why it stopped", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		cold := errors.New("still cold")
		err := stack.Until(ctx, time.Millisecond, func(context.Context) error { return cold })
		assert.ErrorIs(t, err, cold)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("an answer cut short by the deadline does not hide the one before", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		cold, tries := errors.New("still cold"), 0
		err := stack.Until(ctx, time.Millisecond, func(ctx context.Context) error {
			if tries++; tries == 1 {
				return cold
			}
			<-ctx.Done()
			return errors.New("cut short")
		})
		assert.ErrorIs(t, err, cold)
	})
	t.Run("an ended context asks nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := stack.Until(ctx, time.Hour, func(context.Context) error { return errors.New("asked") })
		assert.ErrorIs(t, err, context.Canceled)
	})
}
