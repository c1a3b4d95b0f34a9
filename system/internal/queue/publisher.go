package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"eventflow/system/internal/ticket"
)

// Why a publish was refused with certainty, beside a lost connection.
var (
	ErrBlocked    = errors.New("the broker has raised an alarm and takes no messages")
	ErrStalled    = errors.New("the broker has left an earlier message unconfirmed")
	ErrBusy       = errors.New("too many messages are waiting for their confirms")
	ErrUnroutable = errors.New("the broker has no queue for the message")
)

// PublisherConfig says how to publish. Zero values mean the defaults named here.
type PublisherConfig struct {
	Config
	// ConfirmTimeout is how long a message may take from Publish to its confirm
	// (1 s). It is a rung of the ladder: a handler ends at 1.5 s.
	ConfirmTimeout time.Duration
	// InFlight is how many messages may wait for their confirms at once (256:
	// where throughput with confirms stops growing).
	InFlight int
	// Observe is told of every Publish; nil for none.
	Observe func(op string, begun time.Time, err error)
}

// Publisher hands purchases to the broker. Its methods are safe for concurrent
// use.
type Publisher struct {
	cfg     PublisherConfig
	current atomic.Pointer[outlet] // nil while there is no connection
	trouble atomic.Pointer[error]  // why there is none
}

// NewPublisher makes a publisher; Run connects it.
func NewPublisher(cfg PublisherConfig) *Publisher {
	if cfg.ConfirmTimeout == 0 {
		cfg.ConfirmTimeout = time.Second
	}
	if cfg.InFlight == 0 {
		cfg.InFlight = 256
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, time.Time, error) {}
	}
	return &Publisher{cfg: cfg}
}

// Run keeps a connection until ctx ends, for ever if need be.
func (p *Publisher) Run(ctx context.Context) error {
	return supervise(ctx, p.cfg.Log, func(ctx context.Context, up func()) error {
		err := p.session(ctx, up)
		p.trouble.Store(&err)
		return err
	})
}

func (p *Publisher) session(ctx context.Context, up func()) error {
	var out *outlet
	s, err := connect(ctx, p.cfg.Config, func(s *session) (err error) {
		out, err = newOutlet(s, p.cfg.InFlight, p.cfg.ConfirmTimeout)
		return err
	})
	if err != nil {
		return err
	}
	defer s.close()
	up()
	p.cfg.Log.Info("publisher connected", "addr", p.cfg.Addr)
	p.current.Store(out)
	defer p.current.Store(nil)
	return out.run(ctx)
}

// Ready says whether a Publish would be tried now.
func (p *Publisher) Ready(context.Context) error {
	out, err := p.outlet()
	if err != nil {
		return err
	}
	return out.refuses()
}

func (p *Publisher) outlet() (*outlet, error) {
	if out := p.current.Load(); out != nil {
		return out, nil
	}
	if why := p.trouble.Load(); why != nil && *why != nil {
		return nil, *why
	}
	return nil, errNotConnected
}

// Publish hands one purchase to the broker. nil means that the broker has it and
// will keep it; ErrUnavailable that it does not have it and never will;
// ErrUnknown that it may have it: only the same purchase, published again, finds
// out, and the ledger takes it once. It returns when ctx ends, and after
// ConfirmTimeout in any case.
func (p *Publisher) Publish(ctx context.Context, purchase ticket.Purchase) (err error) {
	begun := time.Now()
	defer func() { p.cfg.Observe("publish", begun, err) }()
	body, err := json.Marshal(purchase)
	if err != nil {
		return fmt.Errorf("encode purchase %s: %w", purchase.Transaction, err)
	}
	out, err := p.outlet()
	if err == nil {
		err = out.refuses()
	}
	if err != nil {
		return ticket.Unavailable(dependency, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.ConfirmTimeout)
	defer cancel()
	return out.publish(ctx, purchase.Transaction, p.cfg.Queue, body)
}
