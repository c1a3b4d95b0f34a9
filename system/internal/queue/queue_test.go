package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eventflow/system/internal/queue"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/ticket"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQueue(t *testing.T) {
	mq := servertest.StartRabbitMQ(t, 0)
	b := &broker{RabbitMQ: mq}
	old := b.oldQueue(t)
	t.Run("a confirmed message is in the queue", func(t *testing.T) { testConfirmed(t, b) })
	t.Run("a refused connection is a certain no", func(t *testing.T) { testRefused(t, b) })
	t.Run("a lost confirm is unknown", func(t *testing.T) { testLostConfirm(t, b) })
	t.Run("an unroutable message is a certain no", func(t *testing.T) { testUnroutable(t, b) })
	t.Run("a stalled socket holds up nobody", func(t *testing.T) { testStalled(t, b) })
	t.Run("poison goes to the dead letters alone", func(t *testing.T) { testPoison(t, b) })
	t.Run("a batch that cannot be stored is kept", func(t *testing.T) { testKept(t, b) })
	t.Run("a lost session drops its work", func(t *testing.T) { testLostSession(t, b) })
	t.Run("a stop stores what is held", func(t *testing.T) { testStop(t, b) })
	t.Run("many at once", func(t *testing.T) { testMany(t, b) })
	t.Run("a broker's restart loses nothing", func(t *testing.T) { testRestart(t, b, old) })
}

// broker hands out a queue of its own to each test.
type broker struct {
	*servertest.RabbitMQ
	made atomic.Int32
}

func (b *broker) config(t testing.TB, addr string) queue.Config {
	return queue.Config{Addr: addr, User: servertest.RabbitUser, Password: servertest.RabbitPassword,
		Queue: fmt.Sprintf("purchases-%d", b.made.Add(1)), Name: t.Name(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// publisher starts a publisher over a link and waits until it is connected.
func (b *broker) publisher(t testing.TB) (*queue.Publisher, *servertest.Link, queue.Config) {
	t.Helper()
	link := servertest.NewLink(t, b.Addr)
	cfg := b.config(t, link.Addr)
	p := queue.NewPublisher(queue.PublisherConfig{Config: cfg})
	inBackground(t, p.Run)
	servertest.WaitFor(t, 10*time.Second, p.Ready)
	return p, link, cfg
}

// inBackground runs until the test ends, and waits for the end.
func inBackground(t testing.TB, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = run(ctx) }() // it ends with the context's error
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func purchase() ticket.Purchase {
	lock := uuid.NewString()
	return ticket.Purchase{Transaction: ticket.TransactionID(lock), LockID: lock, User: "guest-1", Event: 999,
		Seats: []string{"A-1"}, AmountCents: 100, Node: "app-1", AcceptedAt: time.Now()}
}

func length(t testing.TB, ch *amqp.Channel, name string) int {
	t.Helper()
	q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
	require.NoError(t, err)
	return q.Messages
}

func hasLength(t testing.TB, ch *amqp.Channel, name string, want int) {
	t.Helper()
	servertest.WaitFor(t, 10*time.Second, func(context.Context) error {
		if got := length(t, ch, name); got != want {
			return fmt.Errorf("%s holds %d messages, want %d", name, got, want)
		}
		return nil
	})
}

func testConfirmed(t *testing.T, b *broker) {
	p, _, cfg := b.publisher(t)
	want := purchase()
	require.NoError(t, p.Publish(context.Background(), want))
	ch := b.Dial(t)
	servertest.WaitFor(t, 5*time.Second, func(context.Context) error {
		d, ok, err := ch.Get(cfg.Queue, true)
		if err != nil || !ok {
			return errors.Join(err, errors.New("nothing there"))
		}
		var got ticket.Purchase
		require.NoError(t, json.Unmarshal(d.Body, &got))
		assert.Equal(t, want.Transaction, got.Transaction)
		assert.Equal(t, want.Transaction, d.MessageId)
		assert.Equal(t, uint8(amqp.Persistent), d.DeliveryMode)
		assert.Equal(t, "application/json", d.ContentType)
		return nil
	})
}

func testRefused(t *testing.T, b *broker) {
	p, link, _ := b.publisher(t)
	link.Cut(t)
	servertest.WaitFor(t, 2*time.Second, func(ctx context.Context) error {
		begun := time.Now()
		err := p.Publish(ctx, purchase())
		if !errors.Is(err, ticket.ErrUnavailable) {
			return fmt.Errorf("still %v", err)
		}
		assert.Less(t, time.Since(begun), 50*time.Millisecond)
		return nil
	})
	link.Heal(t)
	servertest.WaitFor(t, 8*time.Second, func(ctx context.Context) error { return p.Publish(ctx, purchase()) })
}

func testLostConfirm(t *testing.T, b *broker) {
	p, link, cfg := b.publisher(t)
	link.LoseReplies()
	var unknown, refused atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			begun := time.Now()
			err := p.Publish(context.Background(), purchase())
			assert.ErrorIs(t, err, ticket.ErrUnknown)
			assert.NotErrorIs(t, err, ticket.ErrUnavailable)
			assert.Less(t, time.Since(begun), 1200*time.Millisecond)
			unknown.Add(1)
		})
	}
	wg.Wait()
	begun := time.Now()
	if err := p.Publish(context.Background(), purchase()); errors.Is(err, ticket.ErrUnavailable) {
		refused.Add(1)
	}
	assert.EqualValues(t, 1, refused.Load(), "behind an unconfirmed message the next is refused unwritten")
	assert.Less(t, time.Since(begun), 20*time.Millisecond)
	hasLength(t, b.Dial(t), cfg.Queue, int(unknown.Load()))
	link.Heal(t)
	servertest.WaitFor(t, 8*time.Second, func(ctx context.Context) error { return p.Publish(ctx, purchase()) })
}

func testUnroutable(t *testing.T, b *broker) {
	p, _, cfg := b.publisher(t)
	_, err := b.Dial(t).QueueDelete(cfg.Queue, false, false, false)
	require.NoError(t, err)
	err = p.Publish(context.Background(), purchase())
	require.ErrorIs(t, err, ticket.ErrUnavailable)
	assert.ErrorIs(t, err, queue.ErrUnroutable)
	servertest.WaitFor(t, 8*time.Second, func(ctx context.Context) error { return p.Publish(ctx, purchase()) })
}

// testStalled stops the broker, as a partition without a reset does, and
// publishes more than socket buffers take.
func testStalled(t *testing.T, b *broker) {
	p := queue.NewPublisher(queue.PublisherConfig{Config: b.config(t, b.Addr), InFlight: 1 << 14})
	inBackground(t, p.Run)
	servertest.WaitFor(t, 10*time.Second, p.Ready)
	b.Pause(t)
	big := purchase()
	big.Node = strings.Repeat("x", 64<<10)
	var wg sync.WaitGroup
	var slowest, unknown atomic.Int64
	for range 400 {
		wg.Go(func() {
			begun := time.Now()
			err := p.Publish(context.Background(), big)
			assert.Error(t, err)
			if errors.Is(err, ticket.ErrUnknown) {
				unknown.Add(1)
			}
			for took := int64(time.Since(begun)); ; {
				if old := slowest.Load(); took <= old || slowest.CompareAndSwap(old, took) {
					return
				}
			}
		})
	}
	wg.Wait()
	assert.Less(t, time.Duration(slowest.Load()), 2*time.Second)
	assert.Positive(t, unknown.Load())
	assert.Less(t, unknown.Load(), int64(400), "messages that were never written are a certain no")
	b.Resume(t)
	servertest.WaitFor(t, 15*time.Second, func(ctx context.Context) error { return p.Publish(ctx, purchase()) })
}

// store is a handler that keeps what it is given, unless it is told to wait.
type keeper struct {
	mu      sync.Mutex
	kept    map[string]int
	redone  int
	waiting chan struct{} // non-nil: hold every batch until it closes
	asked   atomic.Int32
}

func (k *keeper) handle(ctx context.Context, batch []queue.Message) ([]queue.Verdict, error) {
	k.asked.Add(1)
	if k.waiting != nil {
		select {
		case <-k.waiting:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	verdicts := make([]queue.Verdict, len(batch))
	for i, m := range batch {
		if !json.Valid(m.Body) {
			verdicts[i] = queue.Poison
			continue
		}
		k.kept[m.ID]++
		if m.Redelivered {
			k.redone++
		}
	}
	return verdicts, nil
}

func (k *keeper) has(n int) func(context.Context) error {
	return func(context.Context) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		if len(k.kept) != n {
			return fmt.Errorf("%d of %d messages kept", len(k.kept), n)
		}
		return nil
	}
}

func (b *broker) consumer(t testing.TB, cfg queue.Config, addr string, k *keeper) (c *queue.Consumer, stop func()) {
	cfg.Addr = addr
	if k.kept == nil {
		k.kept = map[string]int{}
	}
	c = queue.NewConsumer(queue.ConsumerConfig{Config: cfg, BatchSize: 20})
	return c, inBackground(t, func(ctx context.Context) error { return c.Run(ctx, k.handle) })
}

func publishAll(t testing.TB, p *queue.Publisher, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { assert.NoError(t, p.Publish(context.Background(), purchase())) })
	}
	wg.Wait()
}

func drained(c *queue.Consumer) func(context.Context) error {
	return func(ctx context.Context) error {
		ok, err := c.Drained(ctx)
		if err == nil && !ok {
			return errors.New("not drained")
		}
		return err
	}
}

func testPoison(t *testing.T, b *broker) {
	p, link, cfg := b.publisher(t)
	ch := b.Dial(t)
	for i := range 60 {
		if i%10 == 9 { // the last of all is poison too
			require.NoError(t, ch.Publish("", cfg.Queue, true, false, amqp.Publishing{MessageId: fmt.Sprint(i), DeliveryMode: amqp.Persistent, Body: []byte("not JSON")}))
			continue
		}
		require.NoError(t, p.Publish(context.Background(), purchase()))
	}
	k := &keeper{}
	c, _ := b.consumer(t, cfg, link.Addr, k)
	servertest.WaitFor(t, 10*time.Second, k.has(54))
	hasLength(t, ch, queue.DeadLetters(cfg.Queue), 6)
	servertest.WaitFor(t, 5*time.Second, drained(c))
	assert.Zero(t, k.redone)
}

func testKept(t *testing.T, b *broker) {
	p, link, cfg := b.publisher(t)
	publishAll(t, p, 100)
	k := &keeper{waiting: make(chan struct{})}
	c, _ := b.consumer(t, cfg, link.Addr, k)
	ch := b.Dial(t)
	hasLength(t, ch, cfg.Queue, 60) // all but two batches, which are held
	ok, err := c.Drained(context.Background())
	require.NoError(t, err)
	assert.False(t, ok)
	close(k.waiting)
	servertest.WaitFor(t, 10*time.Second, k.has(100))
	servertest.WaitFor(t, 5*time.Second, drained(c))
	assert.Zero(t, k.redone, "a kept batch was given back")
}

func testLostSession(t *testing.T, b *broker) {
	p, _, cfg := b.publisher(t)
	publishAll(t, p, 50)
	link := servertest.NewLink(t, b.Addr)
	k := &keeper{waiting: make(chan struct{})}
	c, _ := b.consumer(t, cfg, link.Addr, k)
	servertest.WaitFor(t, 5*time.Second, func(context.Context) error {
		if k.asked.Load() == 0 {
			return errors.New("no batch yet")
		}
		return nil
	})
	link.Cut(t)
	servertest.WaitFor(t, 5*time.Second, func(ctx context.Context) error {
		if c.Ready(ctx) == nil {
			return errors.New("the session still counts as connected")
		}
		return nil
	})
	hasLength(t, b.Dial(t), cfg.Queue, 50)
	close(k.waiting)
	link.Heal(t)
	servertest.WaitFor(t, 10*time.Second, k.has(50))
	servertest.WaitFor(t, 5*time.Second, drained(c))
	assert.Positive(t, k.redone)
	for id, times := range k.kept {
		assert.Equal(t, 1, times, id)
	}
}

func testStop(t *testing.T, b *broker) {
	p, link, cfg := b.publisher(t)
	publishAll(t, p, 10)
	k := &keeper{waiting: make(chan struct{})}
	_, stop := b.consumer(t, cfg, link.Addr, k)
	servertest.WaitFor(t, 5*time.Second, func(context.Context) error {
		if k.asked.Load() == 0 {
			return errors.New("no batch yet")
		}
		return nil
	})
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(k.waiting)
	<-stopped
	k.mu.Lock()
	stored := len(k.kept)
	k.mu.Unlock()
	assert.Positive(t, stored)
	hasLength(t, b.Dial(t), cfg.Queue, 10-stored)
}

func testMany(t *testing.T, b *broker) {
	p, link, cfg := b.publisher(t)
	k := &keeper{}
	c, _ := b.consumer(t, cfg, link.Addr, k)
	const n, callers = 2000, 64
	var wg sync.WaitGroup
	begun := time.Now()
	for range callers {
		wg.Go(func() {
			for range n / callers {
				assert.NoError(t, p.Publish(context.Background(), purchase()))
			}
		})
	}
	wg.Wait()
	t.Logf("%.0f confirmed publishes a second from %d callers", n/time.Since(begun).Seconds(), callers)
	servertest.WaitFor(t, 10*time.Second, k.has(n/callers*callers))
	servertest.WaitFor(t, 5*time.Second, drained(c))
}

// oldQueue declares the queue of the restart test ahead of all others: a broker
// that is killed within half a second of declaring a quorum queue comes back
// with one that has no leader (RabbitMQ 3.10, measured).
func (b *broker) oldQueue(t *testing.T) queue.Config {
	cfg := b.config(t, b.Addr)
	ctx, cancel := context.WithCancel(context.Background())
	p := queue.NewPublisher(queue.PublisherConfig{Config: cfg})
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }() // it ends with the context's error
	servertest.WaitFor(t, 10*time.Second, p.Ready)
	cancel()
	<-done
	return cfg
}

func testRestart(t *testing.T, b *broker, cfg queue.Config) {
	link := servertest.NewLink(t, b.Addr)
	cfg.Addr, cfg.Log = link.Addr, slog.New(slog.NewTextHandler(t.Output(), nil))
	p := queue.NewPublisher(queue.PublisherConfig{Config: cfg})
	inBackground(t, p.Run)
	servertest.WaitFor(t, 10*time.Second, p.Ready)
	publishAll(t, p, 50)
	b.Kill(t)
	servertest.WaitFor(t, 2*time.Second, func(ctx context.Context) error {
		if err := p.Publish(ctx, purchase()); !errors.Is(err, ticket.ErrUnavailable) {
			return fmt.Errorf("want unavailable, got %w", err)
		}
		return nil
	})
	b.Start(t)
	k := &keeper{}
	b.consumer(t, cfg, link.Addr, k)
	servertest.WaitFor(t, 20*time.Second, k.has(50))
	servertest.WaitFor(t, 8*time.Second, func(ctx context.Context) error { return p.Publish(ctx, purchase()) })
}

// TestAlarm starts a broker whose memory alarm is raised from the start.
func TestAlarm(t *testing.T) {
	b := &broker{RabbitMQ: servertest.StartRabbitMQ(t, 1<<20)}
	p, _, _ := b.publisher(t)
	first := p.Publish(context.Background(), purchase())
	require.Error(t, first, "the broker tells of its alarm only after a message")
	servertest.WaitFor(t, 3*time.Second, func(ctx context.Context) error {
		if err := p.Publish(ctx, purchase()); !errors.Is(err, queue.ErrBlocked) {
			return fmt.Errorf("want ErrBlocked, got %w", err)
		}
		return nil
	})
	assert.ErrorIs(t, p.Ready(context.Background()), queue.ErrBlocked)
}
