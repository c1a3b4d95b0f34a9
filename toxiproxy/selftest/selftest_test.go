package selftest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/selftest"
	"eventflow/toxiproxy/selftest/servertest"
	"eventflow/toxiproxy/server"
	"eventflow/toxiproxy/topology"
)

// startProxies is our proxy server, in this process.
func startProxies(t *testing.T) string {
	t.Helper()
	s := server.New(slog.New(slog.DiscardHandler), server.Config{Seed: 1})
	api := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		api.Close()
		s.Close()
	})
	return api.URL
}

// Every fault, on real servers. This is the test that the catalogue is true.
func TestEveryFaultIsAsDocumented(t *testing.T) {
	api := startProxies(t)
	heard := 0
	table, err := selftest.Run(t.Context(), selftest.Config{Toxiproxy: api, Servers: map[topology.Protocol]string{
		topology.Redis: servertest.Redis(t), topology.Postgres: servertest.Postgres(t), topology.AMQP: servertest.RabbitMQ(t), topology.HTTP: servertest.Web(t),
	}}, func(selftest.Result) { heard++ })
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := table.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if want := len(selftest.Catalogue()) * 4 * 2; len(table.Results) != want || heard != want || len(table.Failures()) > 0 {
		t.Errorf("%d results, %d heard, want %d", len(table.Results), heard, want)
	}
	t.Logf("\n%s", &text)
	if left := get(t, api+"/proxies"); left != "{}" {
		t.Errorf("left behind: %s", left)
	}
	if left := get(t, api+"/leases"); strings.Contains(left, "self-test") {
		t.Errorf("left behind: %s", left)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// A fault that is not what it says must not pass: here the proxy server forgets the
// toxics that it is told of, and says it has them.
func TestAFaultThatDoesNothingFails(t *testing.T) {
	api := startProxies(t)
	toothless := httptest.NewServer(forgetful(t, api))
	t.Cleanup(toothless.Close)
	table, err := selftest.Run(t.Context(), selftest.Config{
		Toxiproxy: toothless.URL, Patience: 200 * time.Millisecond,
		Servers: map[topology.Protocol]string{topology.Redis: servertest.Redis(t)},
		Faults:  []fault.Fault{fault.Slow(300*time.Millisecond, 0, "all"), fault.Late(300*time.Millisecond, "all"), fault.Hang("all"), fault.Hold("all"), fault.Reset("all"), fault.Trickle(1, "all"), fault.Truncate(5, "all")},
	}, func(selftest.Result) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Failures()) != len(table.Results) || len(table.Results) != 14 {
		var text bytes.Buffer
		_ = table.WriteText(&text)
		t.Errorf("a fault that is not in force passed:\n%s", &text)
	}
}

func TestWhatIsNotThereIsAnError(t *testing.T) {
	ignore := func(selftest.Result) {}
	dead := map[topology.Protocol]string{topology.Redis: "127.0.0.1:1"}
	_, err := selftest.Run(t.Context(), selftest.Config{Toxiproxy: startProxies(t), Servers: dead}, ignore)
	if err == nil || !strings.Contains(err.Error(), "the redis server at 127.0.0.1:1") {
		t.Errorf("a dead server: %v", err)
	}
	if _, err = selftest.Run(t.Context(), selftest.Config{Toxiproxy: "http://127.0.0.1:1", Servers: dead}, ignore); !errors.Is(err, fault.ErrServerDown) {
		t.Errorf("a dead proxy server: %v", err)
	}
	if _, err = selftest.Run(t.Context(), selftest.Config{Toxiproxy: "http://127.0.0.1:1"}, ignore); err == nil {
		t.Error("nothing to test is no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = selftest.Run(ctx, selftest.Config{Toxiproxy: startProxies(t), Servers: dead}, ignore); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
