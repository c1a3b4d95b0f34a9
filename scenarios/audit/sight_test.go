package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"eventflow/scenarios/audit/audittest"
	"eventflow/scenarios/history"
	"eventflow/toxiproxy/server"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// proxied puts a proxy of the real proxy server in front of each store.
func (h *house) proxied(t *testing.T, dsn, redisAddr, amqpAddr string) {
	t.Helper()
	proxies := server.New(slog.New(slog.DiscardHandler), server.Config{Seed: 1})
	h.proxies, h.via = httptest.NewServer(proxies.Handler()), map[string]string{}
	t.Cleanup(func() {
		h.proxies.Close()
		proxies.Close()
	})
	for store, addr := range map[string]string{"postgres": host(t, dsn), "redis": redisAddr, "rabbitmq": amqpAddr} {
		body := fmt.Sprintf(`{"name":"app-1_%s","listen":"127.0.0.1:0","upstream":"%s"}`, store, addr)
		resp, err := http.Post(h.proxies.URL+"/proxies", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		var made struct{ Listen string }
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&made))
		require.NoError(t, resp.Body.Close())
		h.via[store] = made.Listen
	}
}

func host(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Host
}

// shop answers a seat map, as nginx would pass it on.
type shop struct {
	*httptest.Server
	mu      sync.Mutex
	answers []string // one after the other; the last one again and again
}

func newShop(t *testing.T) *shop {
	s := &shop{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.answers) == 0 || !strings.HasSuffix(r.URL.Path, "/seats") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(s.answers[0])) // the auditor has gone: nobody to tell
		if len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) shows(answers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = answers
}

func drainsAtOnce(t *testing.T, h *house) {
	event := h.open(t)
	begun := time.Now()
	require.NoError(t, h.Drain(t.Context(), event, time.Second, nil))
	took := time.Since(begun)
	require.GreaterOrEqual(t, took, time.Second)
	require.Less(t, took, 1300*time.Millisecond)
}

func soldTwice(t *testing.T, h *house) {
	h.Auditor.sale.Store(0)
	require.NotContains(t, h.Sample(t.Context()), "double_sold", "of no sale")
	event := h.open(t)
	h.settle(t, "twice-1", event, "A-1", "A-2")
	s := h.Sample(t.Context())
	require.Equal(t, 0.0, s["double_sold"])
	require.Equal(t, 0.0, s["half_sold"])
	// What a shop without the arbiter would do: the second purchase is CONFIRMED, and
	// the table of sold seats keeps one row per seat.
	other := h.settle(t, "twice-2", event, "A-2", "A-3")
	_, err := h.postgres.Exec(t.Context(), `update purchases set status = 'CONFIRMED', reason = null where transaction_id = $1`, other)
	require.NoError(t, err)
	s = h.Sample(t.Context())
	require.Equal(t, 1.0, s["double_sold"])
	require.Equal(t, 2.0, s["half_sold"], "two seats of the second purchase are not sold to it")
}

func ownValues(t *testing.T, h *house) {
	h.node.more = `# TYPE go_goroutines gauge
go_goroutines 42
# TYPE process_open_fds gauge
process_open_fds 17
# TYPE eventflow_http_requests_total counter
eventflow_http_requests_total{code="200",method="GET",route="/api/events"} 5
eventflow_http_requests_total{code="201",method="POST",route="/api/seats/lock"} 3
# TYPE eventflow_dependency_requests_total counter
eventflow_dependency_requests_total{dependency="postgres",op="hall",outcome="ok"} 4
eventflow_dependency_requests_total{dependency="postgres",op="hall",outcome="refused"} 1
eventflow_dependency_requests_total{dependency="postgres",op="hall",outcome="unavailable"} 100
eventflow_dependency_requests_total{dependency="redis",op="lock",outcome="ok"} 100
`
	h.worker.more = `# TYPE go_goroutines gauge
go_goroutines 7
# TYPE eventflow_epoch_rebuilds_total counter
eventflow_epoch_rebuilds_total 1
# TYPE eventflow_dependency_requests_total counter
eventflow_dependency_requests_total{dependency="postgres",op="settle",outcome="ok"} 1000
`
	defer func() { h.node.more, h.worker.more = "", "" }()
	s := h.Sample(t.Context())
	for name, want := range map[string]float64{"goroutines:app-1": 42, "fds:app-1": 17, "requests:app-1": 8, "store_reads": 5, "goroutines:consumer": 7, "epoch_rebuilds": 1} {
		require.Equal(t, want, s[name], name)
	}
	require.NotContains(t, s, "fds:consumer")
	h.node.more = `# TYPE go_goroutines gauge
go_goroutines 40
# TYPE eventflow_http_requests_total counter
eventflow_http_requests_total{code="200",method="GET",route="/api/events"} 2
# TYPE eventflow_dependency_requests_total counter
eventflow_dependency_requests_total{dependency="postgres",op="hall",outcome="ok"} 1
`
	s = h.Sample(t.Context())
	require.Equal(t, 10.0, s["requests:app-1"], "what was counted before the restart stays counted")
	require.Equal(t, 6.0, s["store_reads"])
	require.Equal(t, 40.0, s["goroutines:app-1"], "a gauge is what it is now")
}

// dial opens one connection to each store, at the addresses.
func (h *house) dial(t *testing.T, addr map[string]string) (closeAll func()) {
	t.Helper()
	config := h.postgres.Config().ConnConfig.Copy()
	config.RuntimeParams["application_name"] = "eventflow-app-1"
	at, err := net.ResolveTCPAddr("tcp", addr["postgres"])
	require.NoError(t, err)
	config.Host, config.Port = at.IP.String(), uint16(at.Port)
	config.Fallbacks = nil
	session, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	client := redis.NewClient(&redis.Options{Addr: addr["redis"], Password: "secret", ClientName: "app-1"})
	conn := client.Conn()
	require.NoError(t, conn.Ping(t.Context()).Err())
	rabbit, err := amqp.DialConfig("amqp://guest:guest@"+addr["rabbitmq"]+"/", amqp.Config{Properties: amqp.Table{"connection_name": "app-1"}})
	require.NoError(t, err)
	return func() {
		require.NoError(t, session.Close(context.Background()))
		require.NoError(t, errors.Join(conn.Close(), client.Close()))
		require.NoError(t, rabbit.Close())
	}
}

// asksProxies lets the auditor ask the proxy server, until the test ends. Not by
// default: every connection of the tests' own goes round the proxies.
func (h *house) asksProxies(t *testing.T) {
	h.config.Toxiproxy = h.proxies.URL
	t.Cleanup(func() { h.config.Toxiproxy = "" })
}

func connections(t *testing.T, h *house) {
	h.asksProxies(t)
	var base map[string]float64
	audittest.Eventually(t, 12*time.Second, func() error {
		if base = h.Sample(t.Context()); base["connections:rabbitmq"] != 1 {
			return errors.New("the broker does not list the one connection of the test's own")
		}
		return nil
	})
	for _, store := range []string{"postgres", "redis", "rabbitmq"} {
		require.Contains(t, base, "connections:"+store)
		require.Contains(t, base, "accepted:app-1_"+store)
	}
	closeAll := h.dial(t, h.via)
	grown := func(what string, by float64) {
		t.Helper()
		audittest.Eventually(t, 12*time.Second, func() error {
			s := h.Sample(t.Context())
			for _, store := range []string{"postgres", "redis", "rabbitmq"} {
				if got := s[what+store] - base[what+store]; got != by {
					return fmt.Errorf("%s%s has grown by %g, want %g", what, store, got, by)
				}
			}
			return nil
		})
	}
	grown("connections:", 1)
	grown("accepted:app-1_", 1)
	closeAll()
	grown("connections:", 0)
	grown("accepted:app-1_", 1)
}

func peers(t *testing.T, h *house) {
	h.asksProxies(t)
	defer h.dial(t, h.via)()
	strangers := h.list(t, false)
	defer h.dial(t, map[string]string{"postgres": host(t, h.config.DSN), "redis": h.config.RedisAddr, "rabbitmq": h.amqp})()
	want := map[string]string{"postgres": "postgres eventflow-app-1", "redis": "app-1", "rabbitmq": "guest app-1"}
	audittest.Eventually(t, 12*time.Second, func() error {
		l, err := h.Ledger(t.Context(), h.open(t))
		require.NoError(t, err)
		proxied, bypasses := map[string]string{}, map[string]string{}
		for _, p := range l.Peers {
			require.NotContains(t, p.Client, observer)
			switch {
			case p.Proxied:
				proxied[p.Store] = p.Client
			case !slices.Contains(strangers, p.Addr):
				bypasses[p.Store] = p.Client
			}
		}
		if !maps.Equal(want, proxied) || !maps.Equal(want, bypasses) {
			return fmt.Errorf("proxied %v, not proxied %v; want %v", proxied, bypasses, want)
		}
		return nil
	})

	silent := httptest.NewServer(http.NotFoundHandler())
	defer silent.Close()
	h.config.Toxiproxy = ""
	got, err := h.peers(t.Context())
	require.NoError(t, err)
	require.Nil(t, got, "nobody knows")
	h.config.Toxiproxy = silent.URL
	got, err = h.peers(t.Context())
	require.NoError(t, err)
	require.Nil(t, got, "stock Toxiproxy has no such list")
}

// list are the addresses of peers that are proxied, or that are not, as soon as the
// broker tells of one that is.
func (h *house) list(t *testing.T, proxied bool) (addrs []string) {
	t.Helper()
	audittest.Eventually(t, 12*time.Second, func() error {
		all, err := h.peersNow(t.Context())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(p history.Peer) bool { return p.Store == rabbitStore && p.Proxied }) {
			return errors.New("the broker does not tell of the proxied connection yet")
		}
		addrs = nil
		for _, p := range all {
			if p.Proxied == proxied {
				addrs = append(addrs, p.Addr)
			}
		}
		return nil
	})
	return addrs
}

func held(t *testing.T, h *house) {
	event := h.open(t)
	sold := h.record(t, event, "confirmed", "A-1")
	h.mark(t, event, "A-1", "sold:"+h.settle(t, sold, event, "A-1"), 0)
	kept := h.record(t, event, "locked", "A-2")
	h.mark(t, event, "A-2", "lock:"+kept, time.Minute)
	bought := h.record(t, event, "purchasing", "A-3")
	h.mark(t, event, "A-3", "lock:"+bought+":purchasing", 0)
	h.mark(t, event, "B-1", "lock:nobody", time.Minute)
	l, err := h.Ledger(t.Context(), event)
	require.NoError(t, err)
	require.Len(t, l.Held, 4)
	require.InDelta(t, time.Minute, l.Held[1].TTL, float64(10*time.Second))
	require.Negative(t, l.Held[0].TTL)
	require.Negative(t, l.Held[2].TTL)
	for i := range l.Held {
		l.Held[i].TTL = 0
	}
	require.Equal(t, []history.SeatHold{{Seat: "A-1", State: "sold"}, {Seat: "A-2", Lock: kept, State: "locked"},
		{Seat: "A-3", Lock: bought, State: "purchasing"}, {Seat: "B-1", Lock: "nobody"}}, l.Held)
	require.Contains(t, l.After, "queue_ready")

	l, err = h.Ledger(t.Context(), h.open(t))
	require.NoError(t, err)
	require.NotNil(t, l.Held, "looked at, and nothing there")
	require.Empty(t, l.Held)
}

// drawn is a seat map of a hall of six seats.
func drawn(age float64, sold int) string {
	return fmt.Sprintf(`{"event_id":1,"age_seconds":%g,"holds_known":true,"counts":{"free":%d,"held":1,"purchasing":0,"sold":%d},
		"sections":[{"price_cents":1000,"rows":[{"seats":[{"id":"A-1"},{"id":"A-2"},{"id":"A-3"}]},{"seats":[{"id":"B-1"},{"id":"B-2"},{"id":"B-3"}]}]}]}`, age, 5-sold, sold)
}

func hall(t *testing.T, h *house) {
	h.config.Shop = h.shop.URL
	defer func() { h.config.Shop = "" }()
	event := h.open(t)
	h.settle(t, "hall-1", event, "A-1", "A-2")
	shown := func() *history.Hall {
		t.Helper()
		l, err := h.Ledger(t.Context(), event)
		require.NoError(t, err)
		return l.Hall
	}
	want := &history.Hall{Seats: 6, Free: 3, Held: 1, Sold: 2, PriceCents: 1000}
	h.shop.shows(drawn(1.5, 2))
	require.Equal(t, want, shown(), "an old map that agrees")
	h.shop.shows(drawn(60, 0), drawn(60, 1), drawn(0, 2))
	require.Equal(t, want, shown(), "an old map that does not agree says nothing")
	h.shop.shows(drawn(0, 1))
	require.Equal(t, 1, shown().Sold, "a young map that does not agree is what buyers see")
	h.shop.shows(`{"holds_known":false}`)
	require.Nil(t, shown())
}

func deadLetters(t *testing.T, h *house) {
	defer h.purge(t)
	event := h.open(t)
	l, err := h.Ledger(t.Context(), event)
	require.NoError(t, err)
	require.NotNil(t, l.DeadID, "looked at, and nothing there")
	require.Empty(t, l.DeadID)
	audittest.Publish(t, h.channel, "purchases.dead", 1) // without an id
	for _, id := range []string{"poison-1", "poison-2"} {
		c, err := h.channel.PublishWithDeferredConfirmWithContext(t.Context(), "", "purchases.dead", true, false, amqp.Publishing{MessageId: id, Body: []byte("x"), DeliveryMode: amqp.Persistent})
		require.NoError(t, err)
		_, err = c.WaitContext(t.Context())
		require.NoError(t, err)
	}
	for range 2 { // to look takes nothing away
		audittest.Eventually(t, 6*time.Second, func() error {
			l, err := h.Ledger(t.Context(), event)
			if err == nil && (l.DeadLetter != 3 || !sameIDs(l.DeadID, "", "poison-1", "poison-2")) {
				err = fmt.Errorf("%d dead letters: %q", l.DeadLetter, l.DeadID)
			}
			return err
		})
	}
	next := h.open(t)
	l, err = h.Ledger(t.Context(), next)
	require.NoError(t, err)
	require.Zero(t, l.DeadLetter, "the last sale's dead letters are not this one's: %q", l.DeadID)
	require.NotNil(t, l.DeadID)
}

func sameIDs(got []string, want ...string) bool {
	got = slices.Clone(got)
	slices.Sort(got)
	return slices.Equal(got, want)
}

func TestCrashesAreFoundInLogs(t *testing.T) {
	calm := `{"level":"INFO","msg":"starting","panic_free":true}
goroutine 1 [running]:
{"level":"WARN","msg":"no connection to the broker","err":"fatal error: is only quoted"}
`
	require.Empty(t, Crashes(strings.NewReader(calm)))
	for _, line := range []string{
		"panic: runtime error: index out of range [3] with length 3",
		"fatal error: concurrent map writes",
		"WARNING: DATA RACE",
		`{"level":"ERROR","msg":"handler panicked","route":"/api/purchase"}`,
		`2026/01/02 03:04:05 http: panic serving 127.0.0.1:1: boom`,
	} {
		require.Equal(t, []string{line}, Crashes(strings.NewReader(calm+line+"\n"+calm)))
		require.Equal(t, []string{line}, Crashes(strings.NewReader(calm+line)), "a last line that was cut off")
	}
	long := strings.Repeat("x", 3<<20)
	require.Equal(t, []string{"panic: late"}, Crashes(strings.NewReader(long+"\npanic: late\n")))
	require.Equal(t, []string{"the log could not be read: torn"}, Crashes(iotest.ErrReader(errors.New("torn"))))
}
