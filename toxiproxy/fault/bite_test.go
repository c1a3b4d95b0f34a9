package fault_test

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
)

// Each test below takes two clients of one link, one that connected before the
// fault and one that connects during it, and says what each must feel, what Redis
// must have seen, and what the heal must bring back.

func TestNothingBitesWithoutAFault(t *testing.T) { onBoth(t, testNothingBitesWithoutAFault) }

func testNothingBitesWithoutAFault(t *testing.T) {
	l := newLab(t)
	pooled := l.client("one_redis")
	for range 50 {
		if err := pooled.expect("PING", "+PONG"); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range l.links.Links {
		if s := l.Probe(t.Context(), link); s.Kind != fault.Answered {
			t.Errorf("%s: %s", link, s)
		}
	}
	for link, in := range l.faults() {
		if in != "none" {
			t.Errorf("%s is %s", link, in)
		}
	}
}

func TestCutEndsOpenConnectionsAndRefusesNewOnes(t *testing.T) {
	onBoth(t, testCutEndsOpenConnectionsAndRefusesNewOnes)
}

func testCutEndsOpenConnectionsAndRefusesNewOnes(t *testing.T) {
	l := newLab(t)
	pooled, neighbour := l.client("one_redis"), l.client("two_redis")
	a := l.apply(fault.Cut("one_redis"))
	if want := "one_redis: enabled:false"; a.ReadBack != want {
		t.Errorf("read back %q, want %q", a.ReadBack, want)
	}
	if _, err := pooled.say("PING"); !ended(err) {
		t.Errorf("pooled connection: %v, want its end", err)
	}
	if c := dial(l.addrs["one_redis"]); !errors.Is(c.err, syscall.ECONNREFUSED) {
		t.Errorf("new connection: %v, want refused", c.err)
	}
	if err := neighbour.expect("PING", "+PONG"); err != nil {
		t.Errorf("the other client's link: %v", err)
	}
	l.heal("one_redis")
	l.client("one_redis")
}

func TestSlowDelaysEachAnswerOnce(t *testing.T) { onBoth(t, testSlowDelaysEachAnswerOnce) }

func testSlowDelaysEachAnswerOnce(t *testing.T) {
	l := newLab(t)
	pooled, neighbour := l.client("one_redis"), l.client("two_redis")
	const delay, jitter = 200 * time.Millisecond, 50 * time.Millisecond
	l.apply(fault.Slow(delay, jitter, "one_redis"))
	for name, c := range map[string]*client{"pooled": pooled, "new": dial(l.addrs["one_redis"])} {
		took := timed(t, c)
		if took < delay-jitter || took > 2*delay {
			t.Errorf("%s connection: a round trip took %s, want %s±%s", name, took, delay, jitter)
		}
	}
	if took := timed(t, neighbour); took > delay-jitter {
		t.Errorf("the other client's link: a round trip took %s", took)
	}
	l.heal("one_redis")
	if took := timed(t, pooled); took > delay-jitter {
		t.Errorf("after the heal the same connection still takes %s", took)
	}
}

func TestHangSwallowsRequestsAndAnswers(t *testing.T) { onBoth(t, testHangSwallowsRequestsAndAnswers) }

func testHangSwallowsRequestsAndAnswers(t *testing.T) {
	l := newLab(t)
	pooled, neighbour := l.client("one_redis"), l.client("two_redis")
	l.apply(fault.Hang("one_redis"))
	fresh := dial(l.addrs["one_redis"])
	defer fresh.close()
	for name, c := range map[string]*client{"pooled": pooled, "new": fresh} {
		if _, err := c.say("INCR hung"); !waitsInVain(err) {
			t.Errorf("%s connection: %v, want silence", name, err)
		}
	}
	if err := neighbour.expect("PING", "+PONG"); err != nil {
		t.Errorf("the other client's link: %v", err)
	}
	l.heal("one_redis")
	for name, c := range map[string]*client{"pooled": pooled, "new": fresh} {
		if _, err := c.say("PING"); !ended(err) {
			t.Errorf("%s connection after the heal: %v, want its end", name, err)
		}
	}
	l.client("one_redis")
	if n := l.count("hung"); n != 0 {
		t.Errorf("%d requests arrived through a hanging link", n)
	}
}

func TestLoseRepliesObeysAndSaysNothing(t *testing.T) { onBoth(t, testLoseRepliesObeysAndSaysNothing) }

func testLoseRepliesObeysAndSaysNothing(t *testing.T) {
	l := newLab(t)
	pooled := l.client("one_redis")
	l.apply(fault.LoseReplies("one_redis"))
	fresh := dial(l.addrs["one_redis"])
	defer fresh.close()
	for name, c := range map[string]*client{"pooled": pooled, "new": fresh} {
		if _, err := c.say("INCR obeyed"); !waitsInVain(err) {
			t.Errorf("%s connection: %v, want silence", name, err)
		}
	}
	if n := l.count("obeyed"); n != 2 {
		t.Errorf("Redis obeyed %d of 2 requests", n)
	}
	l.heal("one_redis")
	if _, err := pooled.say("PING"); !ended(err) {
		t.Errorf("pooled connection after the heal: %v, want its end", err)
	}
	l.client("one_redis")
	if n := l.count("obeyed"); n != 2 {
		t.Errorf("%d requests obeyed in the end, want 2: nothing may arrive late", n)
	}
}

// timed is one round trip that has to succeed.
func timed(t *testing.T, c *client) time.Duration {
	t.Helper()
	start := time.Now()
	if got, err := c.sayWithin(5*time.Second, "PING"); err != nil || got != "+PONG" {
		t.Errorf("PING: %q, %v", got, err)
	}
	return time.Since(start)
}

// ended says whether the connection is over: closed or reset, not silent.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
