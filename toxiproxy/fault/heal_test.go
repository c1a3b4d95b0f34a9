package fault_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

func TestHealIsIdempotentAndKeepsConnections(t *testing.T) {
	onBoth(t, testHealIsIdempotentAndKeepsConnections)
}

func testHealIsIdempotentAndKeepsConnections(t *testing.T) {
	l := newLab(t)
	pooled := l.client("one_redis")
	l.heal()
	l.heal("one_redis", "redis")
	if err := pooled.expect("PING", "+PONG"); err != nil {
		t.Errorf("healing a whole link hurt its connection: %v", err)
	}
	if err := l.Heal(t.Context(), "three_redis"); err == nil || !strings.Contains(err.Error(), "one_redis, two_redis") {
		t.Errorf("healing an unknown link: %v", err)
	}
}

func TestHealTellsADeadUpstreamFromABrokenLink(t *testing.T) {
	onBoth(t, testHealTellsADeadUpstreamFromABrokenLink)
}

func testHealTellsADeadUpstreamFromABrokenLink(t *testing.T) {
	l := newLab(t, fault.Patience(300*time.Millisecond))
	l.apply(fault.Cut("all"))
	l.stopRedis()
	err := l.Heal(t.Context())
	var failed *fault.HealError
	if !errors.As(err, &failed) || len(failed.Links) != 2 {
		t.Fatalf("got %v, want the two links to Redis", err)
	}
	for _, e := range failed.Links {
		if !e.UpstreamDown() || !strings.Contains(e.Error(), "the link is whole but its upstream is down") {
			t.Errorf("%v", e)
		}
	}
	if got := l.faults(); got["one_redis"] != "none" || got["one_web"] != "none" {
		t.Errorf("the links are %v", got)
	}
	l.startRedis()
	l.heal()
}

func TestHealWaitsForAnUpstreamThatComesBack(t *testing.T) {
	onBoth(t, testHealWaitsForAnUpstreamThatComesBack)
}

func testHealWaitsForAnUpstreamThatComesBack(t *testing.T) {
	l := newLab(t, fault.Patience(5*time.Second))
	l.stopRedis()
	healed := make(chan error, 1)
	go func() { healed <- l.Heal(t.Context(), "redis") }()
	l.startRedis()
	if err := <-healed; err != nil {
		t.Error(err)
	}
}

func TestHealOfASilentUpstreamSaysSo(t *testing.T) { onBoth(t, testHealOfASilentUpstreamSaysSo) }

func testHealOfASilentUpstreamSaysSo(t *testing.T) {
	l := newLab(t, fault.Patience(300*time.Millisecond))
	if err := l.redis.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	err := l.Heal(t.Context(), "one_redis")
	var failed *fault.HealError
	if !errors.As(err, &failed) || !failed.Links[0].UpstreamDown() {
		t.Errorf("got %v", err)
	}
	if a, err := l.Apply(t.Context(), fault.LoseReplies("one_redis")); err != nil || a.Bit {
		t.Errorf("a paused upstream obeys nothing, and yet: %+v, %v", a, err)
	}
	if err := l.redis.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	l.heal()
}

func TestHealRebuildsAProxyThatIsGone(t *testing.T) { onBoth(t, testHealRebuildsAProxyThatIsGone) }

func testHealRebuildsAProxyThatIsGone(t *testing.T) {
	l := newLab(t)
	l.call(http.MethodDelete, "/proxies/one_redis", "")
	l.heal("one_redis")
	l.client("one_redis")
}

func TestHealAfterTheServerForgotEverything(t *testing.T) {
	onBoth(t, testHealAfterTheServerForgotEverything)
}

func testHealAfterTheServerForgotEverything(t *testing.T) {
	l := newLab(t)
	l.apply(fault.Hang("all"))
	stop(l.proxy)
	l.startProxy()
	l.heal()
	l.client("two_redis")
}

// chatter is a server that pushes frames to whoever connects, as a broker does,
// and swallows what it is sent.
func chatter(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go chat(conn)
		}
	}()
	return listener.Addr().String()
}

// chat answers at once, so that a probe succeeds, and goes on.
func chat(conn net.Conn) {
	defer conn.Close()
	go io.Copy(io.Discard, conn)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := conn.Write([]byte("+PONG\r\n")); err != nil {
			return
		}
	}
}

// Clients that hung up in the middle of a slow or dead conversation are what
// stalls the stock server for 35 s when a toxic is removed under them.
func TestHealWithStuckClientsIsQuick(t *testing.T) { onBoth(t, testHealWithStuckClientsIsQuick) }

func testHealWithStuckClientsIsQuick(t *testing.T) {
	for _, f := range []fault.Fault{
		fault.Slow(2*time.Second, 0, "one_redis"), fault.Hang("one_redis"), fault.LoseReplies("one_redis"), fault.Cut("one_redis"),
	} {
		t.Run(string(f.Kind), func(t *testing.T) {
			l := &lab{t: t, links: network(), upstreams: map[topology.Name]string{"redis": chatter(t), "web": startWeb(t)}}
			l.connect(fault.Patience(300 * time.Millisecond))
			clients := l.crowd(20)
			if _, err := l.Apply(t.Context(), f); err != nil { // a chatterbox never falls silent: whether it bit is another test's
				t.Fatal(err)
			}
			clients.talk()
			clients.leave()
			start := time.Now()
			l.heal("one_redis")
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("the heal took %s", took)
			}
			l.client("one_redis")
		})
	}
}

type crowd []*client

func (l *lab) crowd(n int) crowd {
	l.t.Helper()
	out := make(crowd, n)
	for i := range out {
		out[i] = l.client("one_redis")
	}
	return out
}

func (c crowd) talk() {
	for _, each := range c {
		_, _ = each.sayWithin(20*time.Millisecond, strings.Repeat("x", 10_000)) // answered or not, as the fault has it
	}
}

func (c crowd) leave() {
	for i, each := range c {
		if i%2 == 0 {
			each.close()
		}
	}
}

// A toxic put under a connection whose reader has stopped reading locks its proxy
// in the stock server for good. Heal has to get rid of that proxy without blocking
// the whole server, and where somebody connected since, to restart the server.
func TestHealGetsAroundALockedProxy(t *testing.T) { onBoth(t, testHealGetsAroundALockedProxy) }

func testHealGetsAroundALockedProxy(t *testing.T) {
	for name, newcomer := range map[string]bool{"replaced": false, "server restarted": true} {
		t.Run(name, func(t *testing.T) {
			l, restarts := lockedLab(t)
			if newcomer { // hangs the accept loop behind the lock
				c := dial(l.addrs["one_redis"])
				defer c.close()
				if _, err := c.say("PING"); !waitsInVain(err) {
					t.Fatalf("a locked proxy took a connection: %v", err)
				}
			}
			start := time.Now()
			l.heal("one_redis")
			t.Logf("healed in %s with %d restarts", time.Since(start).Round(time.Millisecond), *restarts)
			if got := *restarts == 1; got != newcomer {
				t.Errorf("%d restarts", *restarts)
			}
			l.client("one_redis")
			if got := l.faults()["two_redis"]; got != "none" {
				t.Errorf("a link that nobody asked to heal was left %s", got)
			}
		})
	}
}

// lockedLab is a lab whose link one_redis is locked, and the count of the proxy
// server's restarts by Heal.
func lockedLab(t *testing.T) (*lab, *int) {
	t.Helper()
	addr, jammed := flood(t)
	l, restarts := &lab{t: t, links: network(), upstreams: map[topology.Name]string{"redis": addr, "web": startWeb(t)}}, new(int)
	l.connect(fault.Patience(300*time.Millisecond), fault.Restart(func(context.Context) error {
		*restarts++
		stop(l.proxy)
		l.startProxy()
		return nil
	}))
	l.jam("one_redis", jammed)
	_, err := l.Apply(t.Context(), fault.LoseReplies("one_redis"))
	if err == nil {
		t.Skip("the server did not lock up: better than the stock one")
	}
	if !strings.Contains(err.Error(), "one_redis: ") {
		t.Errorf("the error does not name the link: %v", err)
	}
	return l, restarts
}

// flood is a chatter that never pauses. It says so when a client has let all the
// buffers on the way fill up.
func flood(t *testing.T) (addr string, jammed <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	full := make(chan struct{}, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go pour(conn, full)
		}
	}()
	return listener.Addr().String(), full
}

func pour(conn net.Conn, full chan<- struct{}) {
	defer conn.Close()
	drops := []byte(strings.Repeat("+PONG\r\n", 5000))
	for {
		if err := conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			return
		}
		_, err := conn.Write(drops)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			full <- struct{}{}
			_, _ = io.Copy(io.Discard, conn) // stay until the proxy hangs up
		}
		if err != nil {
			return
		}
	}
}

// jam opens a connection through the link and reads nothing until it is full.
func (l *lab) jam(link string, jammed <-chan struct{}) {
	l.t.Helper()
	l.client(link)
	select {
	case <-jammed:
	case <-time.After(20 * time.Second):
		l.t.Fatal("the buffers never filled")
	}
}
