// Package queue is RabbitMQ: it publishes purchases until the broker has
// confirmed them, and consumes them until somebody else has stored them.
//
// It reports what became of a message in three words (accepted, refused,
// unknown) and never blocks longer than its caller allows. It must not know what
// a purchase means, nor where it is kept in the end.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// dependency is the name in errors and metrics.
const dependency = "rabbitmq"

const (
	// dialTimeout is for TCP alone.
	dialTimeout = time.Second
	// setupTimeout is for log-in, channels and declarations together: about
	// seven round trips, which a link slowed by one second still manages. A
	// silent one holds up nobody but the supervisor.
	setupTimeout = 8 * time.Second
	// heartbeat: a silent connection is given up after 1.5 times as long (the
	// library's rule, measured). Shorter would take a slow link for a dead one.
	heartbeat = 3 * time.Second
	// writeTimeout ends a write into a socket that takes nothing. A healthy
	// socket takes our 400 bytes in microseconds even when the broker reads
	// slowly; by the time it has taken nothing for a second, every caller whose
	// message might be in that write has been told "unknown" (confirm timeout,
	// also one second). Without it a stalled peer holds the library's locks, its
	// heartbeats and its own shutdown for as long as the stall lasts.
	writeTimeout = time.Second
	// The supervisor's pauses, with full jitter: nodes that lost the broker
	// together must not come back together.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// Config is where the broker is, and the queue on it.
type Config struct {
	Addr     string // host:port
	User     string
	Password string
	Queue    string // durable quorum queue; Queue + ".dead" takes what can never be stored
	Name     string // shown by the broker beside the connection
	Log      *slog.Logger
}

// DeadLetters is the queue for messages that can never be stored.
func DeadLetters(queue string) string { return queue + ".dead" }

var errNotConnected = errors.New("no connection to the broker yet")

// session is one connection with one channel. It never recovers: the library's
// recovery (Config.Recovery) keeps the channel and restarts its delivery tags,
// so that a late ack of the old connection acknowledges a stranger's message.
type session struct {
	raw  net.Conn
	conn *amqp.Connection
	ch   *amqp.Channel
}

// connect dials, declares the queues, has the rest prepared and gives a session.
// It ends with ctx, and after setupTimeout in any case.
func connect(ctx context.Context, cfg Config, prepare func(*session) error) (*session, error) {
	s := &session{}
	conn, err := amqp.DialConfig("amqp://"+cfg.Addr+"/", amqp.Config{
		SASL:       []amqp.Authentication{&amqp.PlainAuth{Username: cfg.User, Password: cfg.Password}},
		Vhost:      "/",
		Heartbeat:  heartbeat,
		Properties: amqp.Table{"connection_name": cfg.Name},
		Dial:       func(network, addr string) (net.Conn, error) { return s.dial(ctx, network, addr) },
	})
	if err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	s.conn = conn
	// RPCs on a channel have no deadline: closing the socket is the only way
	// to end one. To consume from a queue that has lost its leader, say, waits
	// for ever.
	watchdog := time.AfterFunc(setupTimeout, s.sever)
	leave := context.AfterFunc(ctx, s.sever)
	defer leave()
	if err = s.declare(cfg); err == nil {
		err = prepare(s)
	}
	if !watchdog.Stop() {
		err = errors.Join(fmt.Errorf("not ready within %v", setupTimeout), err)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	return s, nil
}

func (s *session) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s.raw = hasty{raw}
	// For the handshake; the library lifts it when the connection is open.
	return s.raw, raw.SetDeadline(time.Now().Add(setupTimeout))
}

func (s *session) declare(cfg Config) (err error) {
	if s.ch, err = s.conn.Channel(); err != nil {
		return fmt.Errorf("open a channel: %w", err)
	}
	return declare(s.ch, cfg.Queue)
}

// declare makes both queues, or finds that they are what they should be.
// Publisher and consumer declare the same, so either may come first.
func declare(ch *amqp.Channel, queue string) error {
	dead := amqp.Table{"x-queue-type": "quorum"}
	if _, err := ch.QueueDeclare(DeadLetters(queue), true, false, false, false, dead); err != nil {
		return fmt.Errorf("declare %s: %w", DeadLetters(queue), err)
	}
	args := amqp.Table{
		"x-queue-type":              "quorum",
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": DeadLetters(queue),
		// Without these two a message can get lost on its way to the dead
		// letters.
		"x-dead-letter-strategy": "at-least-once",
		"x-overflow":             "reject-publish",
		// Every lost connection counts as a delivery. Brokers since 4.0 give up
		// after 20; a consumer that loses its link in a drill needs more.
		"x-delivery-limit": int32(1000),
	}
	if _, err := ch.QueueDeclare(queue, true, false, false, false, args); err != nil {
		return fmt.Errorf("declare %s: %w", queue, err)
	}
	return nil
}

// sever ends the connection at once; the library notices by itself.
func (s *session) sever() {
	if s.raw != nil {
		_ = s.raw.Close() // it is being given up
	}
}

// close says goodbye, within a second.
func (s *session) close() {
	_ = s.conn.CloseDeadline(time.Now().Add(time.Second)) // nothing is left to save
	s.sever()
}

// hasty is a connection on which no write takes longer than writeTimeout.
type hasty struct{ net.Conn }

func (c hasty) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// supervise runs sessions one after another until ctx ends. run calls up once
// its session works, which makes the next pause short again.
func supervise(ctx context.Context, log *slog.Logger, run func(ctx context.Context, up func()) error) error {
	pause := minPause
	for ctx.Err() == nil {
		err := run(ctx, func() { pause = minPause })
		if ctx.Err() != nil {
			break
		}
		wait := minPause/2 + rand.N(pause)
		log.Warn("no connection to the broker", "err", err, "again_in_ms", strconv.FormatInt(wait.Milliseconds(), 10))
		pause = min(2*pause, maxPause)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return ctx.Err()
}
