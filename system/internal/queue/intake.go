package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
)

// consumerTag names our one consumer on its channel.
const consumerTag = "eventflow"

// intake is one session's incoming side.
type intake struct {
	ch        *amqp.Channel
	inspector *amqp.Channel // for counting: an error there must not end the consuming channel
	counting  sync.Mutex
	mine      chan amqp.Delivery // holds everything the broker may send at once
	pumped    sync.WaitGroup
}

// open starts consuming. lose is called with the reason when the session is
// lost, however it is lost.
func (c *Consumer) open(s *session, lose context.CancelCauseFunc) (*intake, error) {
	// Twice a batch: the next one arrives while one is being stored. This is
	// also the most that a crash has delivered again.
	prefetch := 2 * c.cfg.BatchSize
	if err := s.ch.Qos(prefetch, 0, false); err != nil {
		return nil, fmt.Errorf("set prefetch: %w", err)
	}
	inspector, err := s.conn.Channel()
	if err != nil {
		return nil, fmt.Errorf("open a second channel: %w", err)
	}
	watch(s, lose)
	deliveries, err := s.ch.Consume(c.cfg.Queue, consumerTag, false, false, false, false, nil)
	if err != nil {
		return nil, fmt.Errorf("consume: %w", err)
	}
	in := &intake{ch: s.ch, inspector: inspector, mine: make(chan amqp.Delivery, prefetch)}
	in.pumped.Go(func() { c.pump(deliveries, in.mine) })
	return in, nil
}

// watch tells the session of its end, so that work for it stops at once. The
// goroutine ends with the connection.
func watch(s *session, lose context.CancelCauseFunc) {
	connection := s.conn.NotifyClose(make(chan *amqp.Error, 1))
	channel := s.ch.NotifyClose(make(chan *amqp.Error, 1))
	cancelled := s.ch.NotifyCancel(make(chan string, 1))
	go func() {
		select {
		case why := <-connection:
			lose(fmt.Errorf("connection lost: %w", reason(why)))
		case why := <-channel:
			lose(fmt.Errorf("channel lost: %w", reason(why)))
		case <-cancelled:
			lose(errors.New("the broker cancelled the consumer"))
		}
	}()
}

// pump counts deliveries the moment they arrive: what waits in the library's own
// buffer would be in nobody's count. It never blocks, as the prefetch limit is
// the channel's size.
func (c *Consumer) pump(from <-chan amqp.Delivery, to chan<- amqp.Delivery) {
	defer close(to)
	for d := range from {
		c.held.Add(1)
		c.metrics.received.Inc()
		if d.Redelivered {
			c.metrics.redelivered.Inc()
		}
		to <- d
	}
}

// gather waits for a first message, then until there are size of them or wait
// has passed. It returns what it has when ctx ends, and nothing of use when work
// does.
func (in *intake) gather(ctx, work context.Context, size int, wait time.Duration) []amqp.Delivery {
	var batch []amqp.Delivery
	var full <-chan time.Time
	for len(batch) < size {
		select {
		case <-work.Done():
			return nil
		case <-ctx.Done():
			return batch
		case <-full:
			return batch
		case d, open := <-in.mine:
			if !open {
				<-work.Done() // the watcher knows why
				return nil
			}
			if batch = append(batch, d); full == nil {
				full = time.After(wait)
			}
		}
	}
	return batch
}

// ready counts the messages in the queue that nobody has been given.
func (in *intake) ready(ctx context.Context, queue string) (int, error) {
	type answer struct {
		count int
		err   error
	}
	got := make(chan answer, 1)
	go func() { // an RPC cannot be told to end; this one ends with the connection
		in.counting.Lock()
		defer in.counting.Unlock()
		q, err := in.inspector.QueueDeclarePassive(queue, true, false, false, false, nil)
		got <- answer{q.Messages, err}
	}()
	select {
	case a := <-got:
		return a.count, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

type consumerMetrics struct {
	received, redelivered, acked, deadLettered prometheus.Counter
}

func newConsumerMetrics(reg prometheus.Registerer, held func() float64) consumerMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "eventflow_consumer_" + name, Help: help})
	}
	m := consumerMetrics{
		received:     counter("received_total", "Messages delivered by the broker, each delivery counted."),
		redelivered:  counter("redelivered_total", "Deliveries that were not the first of their message."),
		acked:        counter("acked_total", "Messages acknowledged to the broker, after they were committed."),
		deadLettered: counter("dead_lettered_total", "Messages that can never be stored, sent to the dead letters."),
	}
	if reg != nil {
		reg.MustRegister(m.received, m.redelivered, m.acked, m.deadLettered, prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "eventflow_consumer_inflight", Help: "Messages held: delivered, neither acknowledged nor given up."}, held))
	}
	return m
}
