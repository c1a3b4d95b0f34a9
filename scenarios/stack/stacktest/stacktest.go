// Package stacktest says what every stack must do, whatever it is made of. Each
// implementation runs the same suite.
//
// It must not know how a stack is made: it asks the stack's endpoints, as the
// laboratory does.
package stacktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// Suite is how the tests get at a stack.
type Suite struct {
	// Open makes a stack that is not up. Every call makes another, able to run
	// beside the others.
	Open func(t *testing.T) stack.Stack
	// Services are those that the stacks run; nil: every one.
	Services []topology.Name
}

// Patience is how long the suite waits for what should be there at once, on a
// machine that is busy with other things.
const Patience = 60 * time.Second

const pollEvery = 50 * time.Millisecond

// Test runs the suite.
func Test(t *testing.T, s Suite) {
	t.Run("Down before Up is nothing to do", func(t *testing.T) {
		require.NoError(t, s.Open(t).Down(t.Context()))
	})
	t.Run("an ended context brings nothing up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		st := s.Open(t)
		require.ErrorIs(t, st.Up(ctx), context.Canceled)
		assert.NoError(t, st.Down(t.Context()))
	})
	t.Run("Life", s.life)
}

// life is one stack from Up to Down, and a second beside it.
func (s Suite) life(t *testing.T) {
	one, two := s.Open(t), s.Open(t)
	Up(t, one, two)
	t.Run("Endpoints", func(t *testing.T) { s.endpoints(t, one.Endpoints()) })
	t.Run("Links", func(t *testing.T) { s.links(t, one.Endpoints()) })
	t.Run("Isolation", func(t *testing.T) { s.Isolation(t, one) })
	t.Run("Faults", func(t *testing.T) { s.Faults(t, one) })
	t.Run("Prometheus", func(t *testing.T) { s.targets(t, one.Endpoints()) })
	t.Run("Logs", func(t *testing.T) { s.logs(t, one) })
	t.Run("SecondStack", func(t *testing.T) { s.endpoints(t, two.Endpoints()); apart(t, one.Endpoints(), two.Endpoints()) })
	t.Run("Processes", func(t *testing.T) { s.Processes(t, one) })
	t.Run("Down", func(t *testing.T) {
		require.NoError(t, one.Down(t.Context()))
		assert.NoError(t, Silent(t.Context(), one.Endpoints()))
		assert.NoError(t, one.Down(t.Context()), "Down again")
		s.endpoints(t, two.Endpoints()) // not touched
		require.NoError(t, two.Down(t.Context()))
		assert.NoError(t, Silent(t.Context(), two.Endpoints()))
	})
}

// Up brings stacks up together and takes them down when the test ends.
func Up(t *testing.T, stacks ...stack.Stack) {
	t.Helper()
	results := make(chan error, len(stacks))
	ctx, cancel := context.WithTimeout(t.Context(), 5*Patience) // a first build of the programs included
	defer cancel()
	begun := time.Now()
	for _, st := range stacks {
		t.Cleanup(func() { Down(t, st) })
		go func() { results <- st.Up(ctx) }()
	}
	for range stacks {
		assert.NoError(t, <-results, "up")
	}
	if t.Failed() {
		t.FailNow()
	}
	t.Logf("%d up after %v", len(stacks), time.Since(begun).Round(time.Millisecond))
}

// Down is for clean-up: the test's own context has ended by then.
func Down(t *testing.T, st stack.Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Patience)
	defer cancel()
	assert.NoError(t, st.Down(ctx), "down")
}

func (s Suite) runs(n topology.Name) bool {
	return s.Services == nil || slices.Contains(s.Services, n)
}

// endpoints asks each in its own protocol.
func (s Suite) endpoints(t *testing.T, e stack.Endpoints) {
	t.Helper()
	rabbit, err := url.Parse(e.RabbitAPI)
	require.NoError(t, err)
	questions := map[topology.Name]func(context.Context) error{
		topology.Toxiproxy:  func(ctx context.Context) error { return probe.HTTP(ctx, e.Toxiproxy+"/version") },
		topology.Prometheus: func(ctx context.Context) error { return probe.HTTP(ctx, e.Prometheus+"/-/ready") },
		topology.PostgresDB: func(ctx context.Context) error { return probe.Postgres(ctx, e.Observer) },
		topology.RedisDB:    func(ctx context.Context) error { return probe.Redis(ctx, e.RedisAddr, e.RedisPassword) },
		topology.RabbitMQ:   func(ctx context.Context) error { return probe.HTTP(ctx, rabbit.JoinPath("api/overview").String()) },
		topology.Nginx:      func(ctx context.Context) error { return s.shop(ctx, e) },
	}
	for n, base := range e.Health {
		questions[n] = func(ctx context.Context) error { return probe.HTTP(ctx, base+"/readyz") }
	}
	for n, ask := range questions {
		if s.runs(n) {
			assert.NoErrorf(t, ask(t.Context()), "%s does not answer", n)
		}
	}
}

// shop: nginx serves the catalogue; with no node behind it, it still answers.
func (s Suite) shop(ctx context.Context, e stack.Endpoints) error {
	if s.runs(topology.App1) {
		return probe.HTTP(ctx, e.Shop+"/api/events")
	}
	return probe.Answers(ctx, e.Shop+"/", func(status int) bool { return status > 0 })
}

// links goes through every proxy to what is behind it.
func (s Suite) links(t *testing.T, e stack.Endpoints) {
	m := topology.EventFlow()
	require.Len(t, e.Links, len(m.Links))
	for _, l := range m.Links {
		if !s.runs(l.To) {
			continue
		}
		to, _ := m.Service(l.To)
		assert.NoErrorf(t, RoundTrip(t.Context(), e, to.Protocol, e.Links[l.Name()]), "link %s", l)
	}
}

// RoundTrip asks the server behind host:port one question in its protocol, with
// the passwords that the endpoints hold.
func RoundTrip(ctx context.Context, e stack.Endpoints, p topology.Protocol, addr string) error {
	switch p {
	case topology.HTTP:
		return probe.HTTP(ctx, "http://"+addr+"/healthz")
	case topology.Redis:
		return probe.Redis(ctx, addr, e.RedisPassword)
	case topology.Postgres:
		dsn, err := probe.Through(e.Observer, addr)
		if err != nil {
			return err
		}
		return probe.Postgres(ctx, dsn)
	case topology.AMQP:
		api, err := url.Parse(e.RabbitAPI)
		if err != nil {
			return fmt.Errorf("rabbit url: %w", err)
		}
		password, _ := api.User.Password()
		return probe.AMQP(ctx, addr, api.User.Username(), password)
	}
	return fmt.Errorf("no question is known in protocol %q", p)
}

// targets: Prometheus reaches everything that it is told to watch.
func (s Suite) targets(t *testing.T, e stack.Endpoints) {
	if !s.runs(topology.Prometheus) {
		t.Skip("this stack runs no Prometheus")
	}
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	assert.NoError(t, stack.Until(ctx, pollEvery, func(ctx context.Context) error {
		health, err := targetHealth(ctx, e.Prometheus)
		if err != nil {
			return err
		}
		for service, state := range health {
			if s.runs(service) && state != "up" {
				return fmt.Errorf("target %s is %s", service, state)
			}
		}
		if len(health) < 6 { // five programs and at least one server
			return fmt.Errorf("only %d targets", len(health))
		}
		return nil
	}))
}

func targetHealth(ctx context.Context, base string) (map[topology.Name]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/targets", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for targets: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			ActiveTargets []struct {
				Labels struct{ Service topology.Name }
				Health string
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read targets: %w", err)
	}
	health := map[topology.Name]string{}
	for _, a := range answer.Data.ActiveTargets {
		health[a.Labels.Service] = a.Health
	}
	return health, nil
}

// logs are readable for every service, and PostgreSQL for one has said something.
func (s Suite) logs(t *testing.T, st stack.Stack) {
	for _, svc := range topology.EventFlow().Services {
		if !s.runs(svc.Name) {
			continue
		}
		r, err := st.Logs(t.Context(), svc.Name)
		if !assert.NoErrorf(t, err, "logs of %s", svc.Name) {
			continue
		}
		text, err := io.ReadAll(r)
		assert.NoError(t, errors.Join(err, r.Close()))
		if svc.Name == topology.PostgresDB {
			assert.Contains(t, string(text), "ready to accept connections")
		}
	}
	_, err := st.Logs(t.Context(), "nobody")
	assert.Error(t, err, "a service that is not on the map")
}

// apart: two stacks share no address and no password.
func apart(t *testing.T, a, b stack.Endpoints) {
	t.Helper()
	assert.NotEqual(t, a.Shop, b.Shop)
	assert.NotEqual(t, a.Observer, b.Observer)
	assert.NotEqual(t, a.RedisPassword, b.RedisPassword)
	for l, addr := range a.Links {
		assert.NotEqual(t, addr, b.Links[l])
	}
}

// Silent says that nothing listens any more at any of the endpoints.
func Silent(ctx context.Context, e stack.Endpoints) error {
	addrs := []string{e.RedisAddr}
	for _, raw := range []string{e.Shop, e.Toxiproxy, e.Prometheus, e.Observer, e.RabbitAPI} {
		u, err := url.Parse(raw)
		if err != nil {
			return fmt.Errorf("endpoint: %w", err)
		}
		addrs = append(addrs, u.Host)
	}
	for _, l := range e.Links {
		addrs = append(addrs, l)
	}
	var errs []error
	for _, addr := range addrs {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			errs = append(errs, fmt.Errorf("something still listens at %s", addr), conn.Close())
		}
	}
	return errors.Join(errs...)
}
