package stacktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// Processes is the part of the suite for a stack that can break its own services.
// The stack is up; afterwards every service is whole again, and the stores are
// as new.
func (s Suite) Processes(t *testing.T, st stack.Stack) {
	p, ok := st.(stack.Processes)
	if !ok {
		t.Skip("this stack cannot break its services")
	}
	b := breaker{Suite: s, Processes: p, e: st.Endpoints()}
	// Long before the broker is killed: RabbitMQ promises to keep confirmed
	// messages, and was once seen without a queue that was a second old.
	require.Equal(t, http.StatusCreated, b.rabbit(t, http.MethodPut, keptQueue, `{"durable":true}`))
	t.Run("kill and pause of every service", b.everyService)
	t.Run("a fault that makes no sense", b.nonsense)
	t.Run("postgres: killed, a row that was committed is kept", b.committedRow)
	t.Run("redis: paused, and the same connection goes on", b.pausedConnection)
	t.Run("restart keeps data, wipe does not", b.data)
	t.Run("rabbitmq: in alarm, and a publisher is blocked", b.alarm)
	t.Run("everything at once", b.everything)
	t.Run("EventFlow finds its way back", b.ready)
}

// keptQueue is a queue of the suite's own, by its address in the management API.
const keptQueue = "/api/queues/%2F/restarted"

// breaker is a stack that is up, and how to break it.
type breaker struct {
	Suite
	stack.Processes
	e stack.Endpoints
}

// apply wants the fault to bite and to be told as in force if it lasts.
func (b breaker) apply(t *testing.T, f stack.ProcessFault) stack.Effect {
	t.Helper()
	begun := time.Now()
	effect, err := b.Apply(t.Context(), f)
	require.NoError(t, err)
	t.Logf("%s after %v: %s; a client felt %q", f, time.Since(begun).Round(time.Millisecond), effect.ReadBack, effect.Symptom)
	require.True(t, effect.Bit, effect.Reason)
	if f.Lasts() {
		require.Contains(t, b.InForce(), f)
	} else {
		require.NotContains(t, b.InForce(), f)
	}
	return effect
}

// heal wants everything whole, and every service that it was asked to heal named.
func (b breaker) heal(t *testing.T, want ...topology.Name) {
	t.Helper()
	begun := time.Now()
	healed, err := b.Heal(t.Context())
	require.NoError(t, err)
	t.Logf("healed after %v: %+v", time.Since(begun).Round(time.Millisecond), healed)
	var names []topology.Name
	for _, h := range healed {
		names = append(names, h.Service)
	}
	require.ElementsMatch(t, want, names)
	require.Empty(t, b.InForce())
}

func (b breaker) everyService(t *testing.T) {
	for _, svc := range topology.EventFlow().Services {
		if !b.runs(svc.Name) {
			continue
		}
		b.apply(t, stack.Kill(svc.Name))
		b.heal(t, svc.Name)
		b.apply(t, stack.Pause(svc.Name))
		b.heal(t, svc.Name)
	}
	b.heal(t) // nothing to do
}

func (b breaker) nonsense(t *testing.T) {
	for _, f := range []stack.ProcessFault{{}, stack.Kill("nobody"), stack.Wipe(topology.Nginx), stack.Alarm(topology.RedisDB)} {
		_, err := b.Apply(t.Context(), f)
		assert.Error(t, err, f)
	}
	_, err := b.Heal(t.Context(), "nobody")
	var unhealed *stack.HealError
	require.ErrorAs(t, err, &unhealed)
	assert.EqualValues(t, "nobody", unhealed.Services[0].Service)
	assert.Empty(t, b.InForce())
}

// committedRow: a backend that is busy dies with its server, and its client is
// told.
func (b breaker) committedRow(t *testing.T) {
	b.sql(t, "create table kept as select 1 as n")
	conn, err := pgx.Connect(t.Context(), b.e.Observer)
	require.NoError(t, err)
	busy := make(chan error, 1)
	go func() { // no server would survive being asked this
		_, err := conn.Exec(t.Context(), "select count(*) from generate_series(1, 1000000000000)")
		busy <- err
	}()
	b.until(t, func(context.Context) error {
		if n := b.sql(t, "select count(*) from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()"); n != int64(1) {
			return fmt.Errorf("%v busy backends", n)
		}
		return nil
	})
	b.apply(t, stack.Kill(topology.PostgresDB))
	select {
	case err := <-busy:
		assert.Error(t, err)
	case <-time.After(Patience):
		t.Error("an open connection outlives its server")
	}
	b.heal(t, topology.PostgresDB)
	assert.EqualValues(t, 1, b.sql(t, "select n from kept"))
}

// pausedConnection: nothing comes through while Redis stands still, and nothing
// of what was asked is lost.
func (b breaker) pausedConnection(t *testing.T) {
	direct := b.redis(t, b.e.RedisAddr)
	b.apply(t, stack.Pause(topology.RedisDB))
	direct.send(t, "SET paused yes")
	assert.ErrorContains(t, direct.answers(300*time.Millisecond, "+OK"), "timeout")
	assert.Error(t, b.patiently(t, 300*time.Millisecond, func(ctx context.Context) error {
		return probe.Redis(ctx, b.e.RedisAddr, b.e.RedisPassword)
	}), "a new connection")
	if b.runs(topology.Toxiproxy) {
		assert.Error(t, b.patiently(t, 300*time.Millisecond, func(ctx context.Context) error {
			return probe.Redis(ctx, b.e.Links["app-1_redis"], b.e.RedisPassword)
		}), "a new connection through the proxy")
	}
	b.heal(t, topology.RedisDB)
	assert.NoError(t, direct.answers(Patience, "+OK"), "the same connection goes on")
}

// data: what a restart keeps and a wipe does not.
func (b breaker) data(t *testing.T) {
	b.sql(t, "create table restarted as select 1 as n")
	b.redis(t, b.e.RedisAddr).ask(t, "SET restarted yes", "+OK")
	stores := []topology.Name{topology.PostgresDB, topology.RedisDB, topology.RabbitMQ}
	for _, n := range stores {
		b.apply(t, stack.Restart(n))
	}
	assert.EqualValues(t, 1, b.sql(t, "select n from restarted"))
	b.redis(t, b.e.RedisAddr).ask(t, "EXISTS restarted", ":1")
	assert.Equal(t, http.StatusOK, b.rabbit(t, http.MethodGet, keptQueue, ""))
	for _, n := range stores {
		b.apply(t, stack.Wipe(n))
	}
	assert.Nil(t, b.sql(t, "select to_regclass('restarted')::text"))
	assert.EqualValues(t, 3, b.sql(t, "select count(*) from events"), "init.sql was applied")
	b.redis(t, b.e.RedisAddr).ask(t, "EXISTS restarted", ":0")
	assert.Equal(t, http.StatusNotFound, b.rabbit(t, http.MethodGet, keptQueue, ""))
	b.heal(t) // nothing to do
}

// alarm: the broker blocks whoever publishes, tells him so, and lets him go on
// afterwards.
func (b breaker) alarm(t *testing.T) {
	b.apply(t, stack.Alarm(topology.RabbitMQ))
	conn, told := b.publisher(t)
	require.True(t, b.blocked(t, told))
	b.heal(t, topology.RabbitMQ)
	require.False(t, b.blocked(t, told))
	require.NoError(t, conn.Close())
}

// publisher publishes a message that nobody takes: only who publishes is blocked.
func (b breaker) publisher(t *testing.T) (*amqp.Connection, <-chan amqp.Blocking) {
	t.Helper()
	api, err := url.Parse(b.e.RabbitAPI)
	require.NoError(t, err)
	addr := b.e.Links["app-1_rabbitmq"]
	if !b.runs(topology.Toxiproxy) {
		t.Skip("no way to the broker but through a proxy")
	}
	conn, err := amqp.Dial("amqp://" + api.User.String() + "@" + addr + "/")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	told := conn.NotifyBlocked(make(chan amqp.Blocking, 8))
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.PublishWithContext(t.Context(), "", "nobody-takes-this", false, false, amqp.Publishing{}))
	return conn, told
}

func (b breaker) blocked(t *testing.T, told <-chan amqp.Blocking) bool {
	t.Helper()
	select {
	case word := <-told:
		return word.Active
	case <-time.After(Patience):
		t.Fatal("the broker told its publisher nothing")
		return false
	}
}

func (b breaker) everything(t *testing.T) {
	b.apply(t, stack.Alarm(topology.RabbitMQ))
	b.apply(t, stack.Pause(topology.RabbitMQ))
	b.apply(t, stack.Kill(topology.RedisDB))
	b.apply(t, stack.Pause(topology.PostgresDB))
	require.ElementsMatch(t, []stack.ProcessFault{stack.Kill(topology.RedisDB), stack.Alarm(topology.RabbitMQ),
		stack.Pause(topology.RabbitMQ), stack.Pause(topology.PostgresDB)}, b.InForce())
	b.heal(t, topology.RabbitMQ, topology.RedisDB, topology.PostgresDB)
	b.endpointsAnswer(t)
}

// ready: the programs have lost every store, in every way, and serve again.
func (b breaker) ready(t *testing.T) {
	_, err := b.Heal(t.Context()) // a test above may have failed half way
	require.NoError(t, err)
	b.endpointsAnswer(t)
}

func (b breaker) endpointsAnswer(t *testing.T) {
	t.Helper()
	b.until(t, func(ctx context.Context) error {
		var errs []error
		for n, base := range b.e.Health {
			if b.runs(n) {
				errs = append(errs, probe.HTTP(ctx, base+"/readyz"))
			}
		}
		return errors.Join(errs...)
	})
	b.endpoints(t, b.e)
}

func (b breaker) until(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	require.NoError(t, b.patiently(t, Patience, func(ctx context.Context) error { return stack.Until(ctx, pollEvery, condition) }))
}

func (b breaker) patiently(t *testing.T, patience time.Duration, ask func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return ask(ctx)
}

// sql runs one statement and returns the first value of its answer, if it has
// one.
func (b breaker) sql(t *testing.T, statement string) any {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.e.Observer)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), statement)
	require.NoError(t, err)
	defer rows.Close()
	var first any
	for rows.Next() {
		values, err := rows.Values()
		require.NoError(t, err)
		first = values[0]
	}
	require.NoError(t, rows.Err())
	return first
}

// rabbit asks the management API and returns the status.
func (b breaker) rabbit(t *testing.T, method, path, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(b.e.RabbitAPI, "/")+path, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp.StatusCode
}

// respConn is a connection to Redis on which every byte counts.
type respConn struct{ net.Conn }

func (b breaker) redis(t *testing.T, addr string) respConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := respConn{conn}
	c.ask(t, "AUTH "+b.e.RedisPassword, "+OK")
	return c
}

func (c respConn) ask(t *testing.T, command, want string) {
	t.Helper()
	c.send(t, command)
	require.NoError(t, c.answers(Patience, want), command)
}

func (c respConn) send(t *testing.T, command string) {
	t.Helper()
	_, err := io.WriteString(c, command+"\r\n")
	require.NoError(t, err)
}

func (c respConn) answers(within time.Duration, want string) error {
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	got := make([]byte, len(want)+len("\r\n"))
	n, err := io.ReadFull(c, got)
	if err != nil || string(got) != want+"\r\n" {
		return fmt.Errorf("answered %q instead of %q: %w", got[:n], want, errors.Join(err))
	}
	return nil
}
