package queue

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Message is one delivery, without the means to acknowledge it.
type Message struct {
	ID          string // the transaction, as the publisher named it
	Body        []byte
	Redelivered bool // somebody got it before and did not acknowledge it
}

// Verdict is what became of a message.
type Verdict int

// The verdicts. There is no third: a message that could not be stored yet is
// kept and tried again, never given back. Giving it back would have the broker
// deliver it again at once, thousands of times a second, and count each time.
const (
	Stored Verdict = iota // acknowledge it
	Poison                // it can never be stored: to the dead letters
)

// Handler stores a batch and gives a verdict on each message, in order. It tries
// as long as it takes, and returns an error only when ctx has ended: the
// messages then go back to the broker with the connection.
type Handler func(ctx context.Context, batch []Message) ([]Verdict, error)

// ConsumerConfig says how to consume. Zero values mean the defaults named here.
type ConsumerConfig struct {
	Config
	BatchSize int           // most messages handled together (200)
	BatchWait time.Duration // longest wait for a batch to fill (20 ms)
	// StopTimeout is how long a batch in hand may take when the consumer is
	// told to stop (5 s).
	StopTimeout time.Duration
	Metrics     prometheus.Registerer // nil for none
}

// Consumer takes messages from the queue and acknowledges them, in order, after
// a handler has stored them.
type Consumer struct {
	cfg     ConsumerConfig
	held    atomic.Int64 // delivered, neither acknowledged nor given up
	current atomic.Pointer[intake]
	metrics consumerMetrics
}

// NewConsumer makes a consumer; Run connects it.
func NewConsumer(cfg ConsumerConfig) *Consumer {
	if cfg.BatchSize == 0 {
		cfg.BatchSize = 200
	}
	if cfg.BatchWait == 0 {
		cfg.BatchWait = 20 * time.Millisecond
	}
	if cfg.StopTimeout == 0 {
		cfg.StopTimeout = 5 * time.Second
	}
	c := &Consumer{cfg: cfg}
	c.metrics = newConsumerMetrics(cfg.Metrics, func() float64 { return float64(c.held.Load()) })
	return c
}

// Run consumes until ctx ends, for ever if need be. It then has the batch in
// hand handled and acknowledged before it returns.
func (c *Consumer) Run(ctx context.Context, handle Handler) error {
	return supervise(ctx, c.cfg.Log, func(ctx context.Context, up func()) error { return c.session(ctx, up, handle) })
}

// Ready says whether messages are being taken now.
func (c *Consumer) Ready(context.Context) error {
	if c.current.Load() == nil {
		return errNotConnected
	}
	return nil
}

// Drained reports whether the queue is empty and nothing is in hand. One "yes"
// can be wrong (a delivery may be on its way, and after a restart the broker
// counts too few for a moment): ask twice, a second apart.
func (c *Consumer) Drained(ctx context.Context) (bool, error) {
	in := c.current.Load()
	if in == nil {
		return false, errNotConnected
	}
	ready, err := in.ready(ctx, c.cfg.Queue)
	if err != nil {
		return false, fmt.Errorf("count the queue: %w", err)
	}
	return ready == 0 && c.held.Load() == 0, nil
}

// session is one connection from first to last. Whatever it holds when it ends
// is forgotten: the broker has put it back in the queue already, and its
// delivery tags mean other messages on the next connection.
func (c *Consumer) session(ctx context.Context, up func(), handle Handler) error {
	// The session outlives ctx by the time the last batch takes.
	work, lose := context.WithCancelCause(context.WithoutCancel(ctx))
	defer lose(nil)
	var in *intake
	s, err := connect(ctx, c.cfg.Config, func(s *session) (err error) {
		in, err = c.open(s, lose)
		return err
	})
	if err != nil {
		c.forget(in)
		return err
	}
	defer s.close()
	up()
	c.cfg.Log.Info("consumer connected", "addr", c.cfg.Addr)
	c.current.Store(in)
	defer c.current.Store(nil)
	if err = c.consume(ctx, work, in, handle); work.Err() == nil {
		s.close() // with a goodbye, or the last acks might be lost with the socket
	}
	s.sever()
	c.forget(in)
	return err
}

// forget waits for the last delivery of a lost session and holds nothing of it.
func (c *Consumer) forget(in *intake) {
	if in != nil {
		in.pumped.Wait()
	}
	c.held.Store(0)
}

// consume handles batch after batch until ctx ends or the session does.
func (c *Consumer) consume(ctx, work context.Context, in *intake, handle Handler) error {
	for {
		batch := in.gather(ctx, work, c.cfg.BatchSize, c.cfg.BatchWait)
		if work.Err() != nil {
			return context.Cause(work)
		}
		if len(batch) > 0 {
			if err := c.handle(ctx, work, in, batch, handle); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// handle has one batch stored and then acknowledged. The handler's context ends
// with the session, and StopTimeout after ctx.
func (c *Consumer) handle(ctx, work context.Context, in *intake, batch []amqp.Delivery, handle Handler) error {
	work, cancel := context.WithCancel(work)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(c.cfg.StopTimeout, cancel) })
	defer stop()
	messages := make([]Message, len(batch))
	for i, d := range batch {
		messages[i] = Message{ID: d.MessageId, Body: d.Body, Redelivered: d.Redelivered}
	}
	verdicts, err := handle(work, messages)
	if err != nil {
		return fmt.Errorf("handle a batch: %w", err)
	}
	if len(verdicts) != len(batch) {
		return errors.New("handle a batch: a message was left without a verdict")
	}
	return c.acknowledge(in, batch, verdicts)
}

// acknowledge is called from one goroutine only and in the order of delivery, so
// that "this one and all before it" says what it means. Poison is taken out
// first.
func (c *Consumer) acknowledge(in *intake, batch []amqp.Delivery, verdicts []Verdict) error {
	last, stored := uint64(0), 0
	for i, v := range verdicts {
		if v == Stored {
			last = batch[i].DeliveryTag
			stored++
			continue
		}
		if err := in.ch.Reject(batch[i].DeliveryTag, false); err != nil {
			return fmt.Errorf("dead-letter %s: %w", batch[i].MessageId, err)
		}
		c.metrics.deadLettered.Inc()
	}
	if stored > 0 {
		if err := in.ch.Ack(last, true); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
		c.metrics.acked.Add(float64(stored))
	}
	c.held.Add(-int64(len(batch)))
	return nil
}
