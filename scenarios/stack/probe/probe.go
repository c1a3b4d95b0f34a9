// Package probe asks one server one question in its own protocol, on a new
// connection, and says whether it answered.
//
// That a port accepts connections proves nothing: a proxy accepts them for a
// server that is dead. It must not know what the servers are for.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
)

// patience is how long one question may take: on loopback an answer comes within
// milliseconds, and whoever waits for a server asks again anyway.
const patience = 2 * time.Second

// Postgres connects by the URL, as the user named there, and runs one statement.
func Postgres(ctx context.Context, dsn string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("postgres connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("postgres ping: %w", err)
	}
	return nil
}

// Redis authenticates and sends PING. It speaks RESP itself: go-redis sleeps 100
// ms between dials, nine times as long as Redis takes to start.
func Redis(ctx context.Context, addr, password string) error {
	conn, err := dial(ctx, addr)
	if err != nil {
		return fmt.Errorf("redis dial: %w", err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n*1\r\n$4\r\nPING\r\n", len(password), password); err != nil {
		return fmt.Errorf("redis send ping: %w", err)
	}
	const want = "+OK\r\n+PONG\r\n"
	answer := make([]byte, len(want))
	n, err := io.ReadFull(conn, answer)
	if got := string(answer[:n]); got != want {
		return fmt.Errorf("redis ping: answered %q (%w)", got, errors.Join(err))
	}
	return nil
}

// AMQP goes through the whole handshake, logs in and opens a channel.
func AMQP(ctx context.Context, addr, user, password string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := amqp.DialConfig("amqp://"+addr+"/", amqp.Config{
		SASL:      []amqp.Authentication{&amqp.PlainAuth{Username: user, Password: password}},
		Vhost:     "/",
		Heartbeat: patience,
		Dial:      func(_, addr string) (net.Conn, error) { return dial(ctx, addr) },
	})
	if err != nil {
		return fmt.Errorf("amqp handshake: %w", errors.Join(err, late(ctx)))
	}
	defer func() { _ = conn.CloseDeadline(time.Now().Add(patience)) }()
	if _, err := conn.Channel(); err != nil {
		return fmt.Errorf("amqp open channel: %w", errors.Join(err, late(ctx)))
	}
	return nil
}

// late says that the time is up, which the AMQP library tells in words alone. A
// connection's deadline may pass before the context of the same deadline ends.
func late(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// HTTP gets the URL and wants status 200. The error carries the beginning of any
// other answer: /readyz says there which dependency is missing.
func HTTP(ctx context.Context, url string) error {
	return Answers(ctx, url, func(status int) bool { return status == http.StatusOK })
}

// Answers gets the URL and lets ok judge the status.
func Answers(ctx context.Context, url string, ok func(status int) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("http request: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("http get: %w", err)
	}
	defer resp.Body.Close()
	if ok(resp.StatusCode) {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)) // what did come is all there is to show
	return fmt.Errorf("get %s: status %d: %s", req.URL.Redacted(), resp.StatusCode, strings.TrimSpace(string(body)))
}

// Through is the PostgreSQL URL with another host and port: the same server met
// by way of a proxy.
func Through(dsn, addr string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("postgres url: %w", err)
	}
	u.Host = addr
	return u.String(), nil
}

// dial connects, and puts the deadline on everything said afterwards too.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline() // the caller's, if that comes first
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
