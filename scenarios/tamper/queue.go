package tamper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"eventflow/scenarios/stack"
)

// redeclareDeadline is how long Undo waits for somebody to declare the queue: a
// program that lost its queue comes back within a fraction of a second.
const redeclareDeadline = 4 * time.Second

func (m *Meddler) deleteQueue(ctx context.Context, t Tamper) (Effect, error) {
	arguments, err := m.broker.arguments(ctx)
	if err != nil {
		return Effect{}, err
	}
	effect, err := m.deleteOnce(ctx)
	if err != nil {
		return effect, err
	}
	var again *rounds
	if t.Every > 0 {
		again = begin(t.Every, func(ctx context.Context) error {
			_, err := m.deleteOnce(ctx)
			return err
		})
	}
	m.later("delete-queue", again, func(ctx context.Context) error { return m.redeclare(ctx, arguments) })
	return effect, nil
}

// deleteOnce deletes the queue if it is there. It bit when there was one and the
// broker has said that it deleted it: the shop may be so quick to declare the next
// one that nobody sees the gap.
func (m *Meddler) deleteOnce(ctx context.Context) (Effect, error) {
	status, err := m.broker.call(ctx, http.MethodDelete, queuePath, nil, nil)
	begun := time.Now()
	switch {
	case err != nil:
		return Effect{}, fmt.Errorf("delete queue %s: %w", queue, err)
	case status == http.StatusNotFound:
		return Effect{ReadBack: "404 on deletion", Symptom: "there was no queue " + queue}, nil
	case status != http.StatusNoContent:
		return Effect{}, fmt.Errorf("delete queue %s: the broker answered %d", queue, status)
	}
	there, err := m.broker.declared(ctx)
	if err != nil {
		return Effect{}, err
	}
	if there {
		return Effect{ReadBack: "204 on deletion", Bit: true,
			Symptom: fmt.Sprintf("deleted, and declared again within %s", time.Since(begun).Round(time.Millisecond))}, nil
	}
	return Effect{ReadBack: "204 on deletion, 404 afterwards", Symptom: "no queue " + queue, Bit: true}, nil
}

// redeclare waits until the queue is there again. To declare it is the shop's, and
// what a shop loses that does not is for judges to say; but no queue stays deleted.
func (m *Meddler) redeclare(ctx context.Context, arguments map[string]any) error {
	if arguments == nil || m.redeclared(ctx) == nil {
		return nil // there was none to begin with, or there is one again
	}
	status, err := m.broker.call(ctx, http.MethodPut, queuePath, map[string]any{"durable": true, "arguments": arguments}, nil)
	if err == nil && status != http.StatusCreated && status != http.StatusNoContent {
		err = fmt.Errorf("the broker answered %d", status)
	}
	if err != nil {
		return fmt.Errorf("declare queue %s again: %w", queue, err)
	}
	return m.redeclared(ctx)
}

// redeclared waits until the queue is there again. To declare it is the shop's.
func (m *Meddler) redeclared(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redeclareDeadline)
	defer cancel()
	return stack.Until(ctx, 5*poll, func(ctx context.Context) error {
		there, err := m.broker.declared(ctx)
		if err == nil && !there {
			err = errors.New("queue " + queue + " is deleted and nobody has declared it again")
		}
		return err
	})
}
