package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"eventflow/toxiproxy/fault/wire"
)

// outcome is what a client feels.
type outcome string

const (
	answered outcome = "answered"
	refused  outcome = "refused"
	silent   outcome = "silent"
	ended    outcome = "eof"
	wasReset outcome = "reset"
	brokeOff outcome = "broke off"
)

// felt is an outcome with its numbers.
type felt struct {
	outcome
	bytes int
	took  time.Duration
	err   error // the system's own words, where they are not the outcome's
}

// String is for people: "answered, 112 bytes in 301ms".
func (f felt) String() string {
	took := f.took.Round(time.Millisecond)
	if f.took < 10*time.Millisecond {
		took = f.took.Round(100 * time.Microsecond)
	}
	switch f.outcome {
	case answered:
		return fmt.Sprintf("answered, %d bytes in %s", f.bytes, took)
	case silent:
		return fmt.Sprintf("silent for %s", took)
	case brokeOff:
		return fmt.Sprintf("broke off after %d bytes", f.bytes)
	}
	return string(f.outcome)
}

// over says whether the connection ended, politely or not.
func (f felt) over() bool { return f.outcome == ended || f.outcome == wasReset }

// client is one connection.
type client struct {
	conn net.Conn
	err  error // why there is none
	said time.Time
}

// dialDeadline is for a host that is busy: what is to come comes at once.
const dialDeadline = 2 * time.Second

func connect(ctx context.Context, addr string) *client {
	d := net.Dialer{Timeout: dialDeadline}
	conn, err := d.DialContext(ctx, "tcp", addr)
	return &client{conn: conn, err: err, said: time.Now()}
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
	}
}

// exchange says something and waits for the answer.
func (c *client) exchange(e wire.Exchange, within time.Duration) felt {
	c.say(e)
	return c.hear(e, within)
}

// say sends the request. An error is felt by whoever hears.
func (c *client) say(e wire.Exchange) {
	c.said = time.Now()
	if c.err != nil {
		return
	}
	if c.err = c.conn.SetWriteDeadline(time.Now().Add(dialDeadline)); c.err == nil {
		_, c.err = c.conn.Write(e.Request)
	}
}

// hear waits for the answer to what was said last.
func (c *client) hear(e wire.Exchange, within time.Duration) felt {
	buf, n := make([]byte, 8<<10), 0
	err := c.err
	if err == nil {
		err = c.conn.SetReadDeadline(time.Now().Add(within))
	}
	for err == nil && !(e.Understands(buf[:n]) && e.Complete(buf[:n])) && n < len(buf) {
		var m int
		m, err = c.conn.Read(buf[n:])
		n += m
	}
	f := felt{bytes: n, took: time.Since(c.said), err: err}
	f.outcome = judge(err, n)
	return f
}

// idle waits without having said anything.
func (c *client) idle(e wire.Exchange, within time.Duration) felt {
	c.said = time.Now()
	return c.hear(e, within)
}

func judge(err error, n int) outcome {
	var timeout net.Error
	switch {
	case err == nil:
		return answered
	case errors.As(err, &timeout) && timeout.Timeout():
		return silent
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case n > 0:
		return brokeOff
	case errors.Is(err, io.EOF):
		return ended
	}
	return wasReset
}
