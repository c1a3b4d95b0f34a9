package fault_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
)

// As in bite_test.go: two clients of one link, one of them from before the fault.
// These are the faults that only our server can do.

// both are a connection from before the fault and one made during it.
func (l *lab) both(f fault.Fault) map[string]*client {
	l.t.Helper()
	pooled := l.client("one_redis")
	l.apply(f)
	fresh := dial(l.addrs["one_redis"])
	l.t.Cleanup(fresh.close)
	return map[string]*client{"pooled": pooled, "new": fresh}
}

func (c *client) send(command string) error {
	if c.err != nil {
		return c.err
	}
	if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err := c.Write([]byte(command + "\r\n"))
	return err
}

func (c *client) hear(within time.Duration) (string, error) {
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	line, err := c.r.ReadString('\n')
	return strings.TrimSpace(line), err
}

// A partition that ends: the same connections go on, and not a byte is missing.
func TestHoldIsSilenceAndThenEverything(t *testing.T) {
	const each = 50
	for _, way := range []fault.Direction{fault.Both, fault.Up, fault.Down} {
		t.Run(string(way), func(t *testing.T) {
			l := newLab(t)
			clients := l.both(fault.Hold("one_redis").Only(way))
			for range each {
				for name, c := range clients {
					if err := c.send("INCR held"); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
			}
			for name, c := range clients {
				if got, err := c.hear(2 * time.Second); !waitsInVain(err) {
					t.Errorf("%s connection: heard %q, %v, want silence", name, got, err)
				}
			}
			if n, want := l.count("held"), map[fault.Direction]int{fault.Down: 2 * each}[way]; n != want {
				t.Errorf("%d requests arrived, want %d", n, want)
			}
			l.heal("one_redis")
			for name, c := range clients {
				for n := range each {
					if got, err := c.hear(time.Second); err != nil || !strings.HasPrefix(got, ":") {
						t.Fatalf("%s connection, answer %d after the heal: %q, %v", name, n+1, got, err)
					}
				}
				if err := c.expect("PING", "+PONG"); err != nil {
					t.Errorf("%s connection goes on: %v", name, err)
				}
			}
			if n := l.count("held"); n != 2*each {
				t.Errorf("%d requests obeyed in the end, want %d", n, 2*each)
			}
		})
	}
}

func TestLoseRequestsIsNeverObeyed(t *testing.T) {
	l := newLab(t)
	clients := l.both(fault.LoseRequests("one_redis"))
	for name, c := range clients {
		if _, err := c.say("INCR lost"); !waitsInVain(err) {
			t.Errorf("%s connection: %v, want silence", name, err)
		}
	}
	l.heal("one_redis")
	for name, c := range clients {
		if _, err := c.hear(time.Second); !ended(err) {
			t.Errorf("%s connection after the heal: %v, want its end", name, err)
		}
	}
	l.client("one_redis")
	if n := l.count("lost"); n != 0 {
		t.Errorf("%d lost requests arrived", n)
	}
}

func TestLateIsObeyedAfterTheClientHasLeft(t *testing.T) {
	l := newLab(t)
	clients := l.both(fault.Late(2*clientDeadline, "one_redis"))
	for name, c := range clients {
		if _, err := c.say("INCR late"); !waitsInVain(err) {
			t.Errorf("%s connection: %v, want silence", name, err)
		}
		c.close()
	}
	eventually(t, "two late requests", func() error {
		if n := l.count("late"); n != 2 {
			return fmt.Errorf("%d arrived", n)
		}
		return nil
	})
	l.heal("one_redis")
	l.client("one_redis")
}

func TestResetKillsIdleConnectionsAtOnce(t *testing.T) {
	l := newLab(t)
	pooled := l.client("one_redis")
	felt := make(chan error, 1)
	go func() {
		_, err := pooled.hear(10 * time.Second)
		felt <- err
	}()
	a := l.apply(fault.Reset("one_redis"))
	if err := <-felt; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("pooled connection: %v, want a reset", err)
	}
	if took := time.Since(a.At); took > 100*time.Millisecond {
		t.Errorf("felt %s after the server had confirmed the reset", took)
	}
	c := dial(l.addrs["one_redis"])
	if _, err := c.say("PING"); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("new connection: %v, want a reset", err)
	}
	l.heal("one_redis")
	l.client("one_redis")
}

func TestTrickleIsThinAndLosesNothing(t *testing.T) {
	l := newLab(t)
	echo := strings.Repeat("x", 200)
	least := map[fault.Direction]time.Duration{fault.Up: 200 * time.Millisecond, fault.Down: 200 * time.Millisecond, fault.Both: 400 * time.Millisecond}
	for way, least := range least {
		clients := l.both(fault.Trickle(1, "one_redis").Only(way))
		for name, c := range clients {
			start := time.Now()
			if got, err := c.sayWithin(5*time.Second, "ECHO "+echo); got != "$200" {
				t.Errorf("%s, %s connection: %q, %v", way, name, got, err)
			}
			got, err := c.hear(5 * time.Second)
			if took := time.Since(start); got != echo || took < least {
				t.Errorf("%s, %s connection: %q, %v after %s, want %s or more", way, name, got, err, took, least)
			}
		}
		l.heal("one_redis")
		for name, c := range clients {
			if took := timed(t, c); took > least/2 {
				t.Errorf("%s connection after the heal: a round trip took %s", name, took)
			}
		}
	}
}

func TestTruncateBreaksOff(t *testing.T) {
	l := newLab(t)
	for name, c := range l.both(fault.Truncate(3, "one_redis")) {
		got, err := c.say("PING")
		if got != "+PO" || !ended(err) {
			t.Errorf("%s connection: %q, %v, want +PO and the end", name, got, err)
		}
	}
	l.heal("one_redis")
	for name, c := range l.both(fault.Truncate(9, "one_redis").Only(fault.Up)) { // two bytes of the second
		if err := c.expect("PING", "+PONG"); err != nil {
			t.Errorf("%s connection, what fits: %v", name, err)
		}
		if got, err := c.say("INCR cut"); got != "" || !ended(err) {
			t.Errorf("%s connection: %q, %v, want the end", name, got, err)
		}
	}
	l.heal("one_redis")
	l.client("one_redis")
	if n := l.count("cut"); n != 0 {
		t.Errorf("half a request was obeyed: %d", n)
	}
}

func TestFlapCutsAndMendsByTurns(t *testing.T) {
	const period = 200 * time.Millisecond
	l := newLab(t)
	pooled := l.client("one_redis")
	l.apply(fault.Flap(period, "redis"))
	if _, err := pooled.hear(period); !ended(err) {
		t.Errorf("pooled connection: %v, want its end", err)
	}
	cuts := l.watch(5*period, func() {
		if in := l.faults(); in["one_redis"] != "flap 200ms" || in["one_web"] != "none" {
			t.Errorf("the links are %v", in)
		}
	})
	if cuts < 3 || cuts > 7 {
		t.Errorf("cut %d times in 5 periods", cuts)
	}
	l.heal("one_redis")
	if cuts := l.watch(3*period, func() {}); cuts != 0 {
		t.Errorf("cut %d times after the heal", cuts)
	}
	if in := l.faults(); in["one_redis"] != "none" || in["two_redis"] != "flap 200ms" {
		t.Errorf("after the heal of one the links are %v", in)
	}
	l.heal()
}

// watch dials one_redis for that long and counts how often it turned from whole to cut.
func (l *lab) watch(d time.Duration, also func()) (cuts int) {
	was := true
	for end := time.Now().Add(d); time.Now().Before(end); {
		conn, err := net.DialTimeout("tcp", l.addrs["one_redis"], time.Second)
		if err == nil {
			conn.Close()
		}
		if was && err != nil {
			cuts++
		}
		was = err == nil
		also()
	}
	return cuts
}

// Every fault must give way to every other, wholly. There are eleven, a prime: each
// stride through them is another order.
func TestEveryFaultGivesWayToEveryOther(t *testing.T) {
	l := newLab(t, fault.Patience(50*time.Millisecond))
	faults := everyKind("redis")
	for stride := 1; stride < len(faults); stride++ {
		for n := range faults {
			f := faults[n*stride%len(faults)]
			if _, err := l.Apply(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			want, got := strings.TrimSuffix(f.String(), " on redis"), l.faults()
			if got["one_redis"] != want || got["two_redis"] != want || got["one_web"] != "none" {
				t.Errorf("%s: the links are %v", f, got)
			}
		}
	}
	l.heal()
	l.client("one_redis")
}

func everyKind(links ...string) []fault.Fault {
	return []fault.Fault{
		fault.Cut(links...), fault.Hang(links...), fault.Hold(links...), fault.Slow(20*time.Millisecond, 0, links...),
		fault.LoseReplies(links...), fault.LoseRequests(links...), fault.Late(20*time.Millisecond, links...), fault.Reset(links...),
		fault.Trickle(20, links...), fault.Truncate(5, links...), fault.Flap(100*time.Millisecond, links...),
	}
}

// What another owner did under the same name is taken over, and what nobody knows is
// taken away.
func TestHealTakesAwayWhatAnyoneDid(t *testing.T) {
	l := newLab(t)
	for _, body := range []string{
		`{"type":"latency","name":"lat_up","stream":"downstream","attributes":{"latency":70}}`, `{"type":"slicer","stream":"upstream"}`,
	} {
		l.call("DELETE", "/proxies/one_redis/toxics/lat_up", "")
		l.call("POST", "/proxies/one_redis/toxics", body)
		l.heal("one_redis")
		if in := l.faults()["one_redis"]; in != "none" {
			t.Errorf("%s: left %s", body, in)
		}
	}
}
