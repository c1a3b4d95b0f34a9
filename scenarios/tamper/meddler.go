package tamper

import (
	"context"
	"errors"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/stack"
)

// Recorder keeps what a meddler changed that judges must know of.
type Recorder interface {
	Now() time.Duration
	Update(history.Update)
}

// Meddler tampers with the stores of one stack.
type Meddler struct{}

// Open connects to the stores.
func Open(context.Context, stack.Endpoints, int, Recorder) (*Meddler, error) {
	return nil, errors.New("not written yet")
}

// Apply begins the tamper.
func (*Meddler) Apply(context.Context, Tamper) (Effect, error) { return Effect{}, nil }

// Undo ends every tamper.
func (*Meddler) Undo(context.Context) error { return nil }

// Close gives the connections back.
func (*Meddler) Close() {}
