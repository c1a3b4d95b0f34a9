package fault_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

func TestApplyNamesTheLinksThereAre(t *testing.T) { onBoth(t, testApplyNamesTheLinksThereAre) }

func testApplyNamesTheLinksThereAre(t *testing.T) {
	l := newLab(t)
	_, err := l.Apply(t.Context(), fault.Cut("one_redis", "three_redis"))
	if err == nil || !strings.Contains(err.Error(), "one_redis, two_redis, one_web") {
		t.Errorf("got %v, want the list of links", err)
	}
	if in := l.faults()["one_redis"]; in != "none" {
		t.Errorf("one_redis is %s: a fault that is refused must not be half in force", in)
	}
}

// Every fault must give way to every other, wholly, whatever it takes.
func TestApplyReplacesWhatWasThere(t *testing.T) { onBoth(t, testApplyReplacesWhatWasThere) }

func testApplyReplacesWhatWasThere(t *testing.T) {
	l := newLab(t, fault.Patience(300*time.Millisecond))
	faults := []fault.Fault{
		fault.Cut("redis"),
		fault.Slow(40*time.Millisecond, 10*time.Millisecond, "redis"),
		fault.Slow(20*time.Millisecond, 0, "redis"),
		fault.Hang("redis"),
		fault.LoseReplies("redis"),
	}
	for _, first := range faults {
		for _, second := range faults {
			l.apply(first)
			l.apply(second)
			want := strings.TrimSuffix(second.String(), " on redis")
			got := l.faults()
			if got["one_redis"] != want || got["two_redis"] != want || got["one_web"] != "none" {
				t.Errorf("%s, then %s: the links are %v", first, second, got)
			}
		}
		l.heal()
	}
}

func TestApplyTwiceChangesNothing(t *testing.T) { onBoth(t, testApplyTwiceChangesNothing) }

func testApplyTwiceChangesNothing(t *testing.T) {
	l := newLab(t)
	l.apply(fault.Slow(30*time.Millisecond, 0, "one_redis"))
	pooled := l.client("one_redis")
	l.apply(fault.Slow(30*time.Millisecond, 0, "one_redis"))
	if err := pooled.expect("PING", "+PONG"); err != nil {
		t.Errorf("the connection did not live through the same fault again: %v", err)
	}
}

func TestAFaultNobodyFeelsDidNotBite(t *testing.T) { onBoth(t, testAFaultNobodyFeelsDidNotBite) }

func testAFaultNobodyFeelsDidNotBite(t *testing.T) {
	l := newLab(t, fault.Patience(300*time.Millisecond))
	l.stopRedis()
	for _, f := range []fault.Fault{
		fault.Slow(50*time.Millisecond, 0, "redis", "one_web"), fault.Hang("redis", "one_web"), fault.LoseReplies("redis", "one_web"),
	} {
		a, err := l.Apply(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if a.Bit || !strings.Contains(a.Reason, "its upstream does not take connections") {
			t.Errorf("%s with a dead upstream: %+v", f, a)
		}
		if !strings.HasPrefix(a.Reason, "one_redis") || strings.Contains(a.Reason, "one_web") {
			t.Errorf("the reason blames the wrong links: %s", a.Reason)
		}
	}
	if a := l.apply(fault.Cut("redis")); !strings.Contains(a.Symptom, "refused") {
		t.Errorf("a cut is felt with a dead upstream, too: %+v", a)
	}
}

// Two faults at once on the same links: one of them is in force everywhere in the
// end, whoever was second, and the first knows that it did not last.
func TestOverlappingFaultsDoNotMix(t *testing.T) { onBoth(t, testOverlappingFaultsDoNotMix) }

func testOverlappingFaultsDoNotMix(t *testing.T) {
	l := newLab(t, fault.Patience(100*time.Millisecond))
	faults := []fault.Fault{
		fault.Cut("redis"), fault.Hang("redis"), fault.LoseReplies("redis"), fault.Slow(20*time.Millisecond, 0, "redis"),
	}
	for range 5 {
		var wg sync.WaitGroup
		for _, f := range faults {
			wg.Go(func() {
				a, err := l.Apply(t.Context(), f)
				if err != nil {
					t.Errorf("%s: %v", f, err)
				}
				if !a.Bit && a.Reason == "" {
					t.Errorf("%s: did not bite and does not say why", f)
				}
			})
		}
		wg.Wait()
		if got := l.faults(); got["one_redis"] != got["two_redis"] || got["one_redis"] == "none" {
			t.Errorf("the links are %v", got)
		}
	}
	l.heal()
}

func TestStatusKnowsAStrangersToxic(t *testing.T) { onBoth(t, testStatusKnowsAStrangersToxic) }

func testStatusKnowsAStrangersToxic(t *testing.T) {
	l := newLab(t)
	l.call(http.MethodPost, "/proxies/one_redis/toxics", `{"name":"odd","type":"limit_data","stream":"downstream","attributes":{"bytes":1}}`)
	if got, want := l.faults()["one_redis"], "unknown toxic: odd (limit_data downstream)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l.heal("one_redis")
	if got := l.faults()["one_redis"]; got != "none" {
		t.Errorf("after the heal: %s", got)
	}
	l.client("one_redis")
}

func TestPrepareMakesWhatIsMissingAndLeavesTheRest(t *testing.T) {
	onBoth(t, testPrepareMakesWhatIsMissingAndLeavesTheRest)
}

func testPrepareMakesWhatIsMissingAndLeavesTheRest(t *testing.T) {
	l := newLab(t)
	pooled := l.client("two_redis")
	l.call(http.MethodDelete, "/proxies/one_redis", "")
	if got := l.faults()["one_redis"]; got != "missing" {
		t.Errorf("Status says %q of a proxy that is gone", got)
	}
	l.call(http.MethodPatch, "/proxies/one_web", `{"upstream":"127.0.0.1:1"}`)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.client("one_redis")
	if s := l.Probe(t.Context(), l.link("one_web")); s.Kind != fault.Answered {
		t.Errorf("a proxy that led elsewhere was left so: %s", s)
	}
	if err := pooled.expect("PING", "+PONG"); err != nil {
		t.Errorf("a link that lacked nothing was touched: %v", err)
	}
}

func TestWithoutAPlanAMissingProxyIsAnError(t *testing.T) {
	onBoth(t, testWithoutAPlanAMissingProxyIsAnError)
}

func testWithoutAPlanAMissingProxyIsAnError(t *testing.T) {
	l := newLab(t)
	l.call(http.MethodDelete, "/proxies/one_redis", "")
	blind := fault.New(l.api, l.links, func(k topology.Link) string { return l.addrs[k.Name()] })
	if err := blind.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "one_redis: the proxy server has no such proxy") {
		t.Errorf("got %v", err)
	}
}

func TestGuardKeepsToThisHost(t *testing.T) {
	ctx := t.Context()
	addr := func(topology.Link) string { return "127.0.0.1:1" }
	for api, allowed := range map[string]bool{
		"http://127.0.0.1:1": true, "http://[::1]:1": true, "http://localhost:1": true, "http://proxies:1": true,
		"http://10.0.0.1:1": false, "http://example.com:1": false, "http://127.0.0.1.example.com:1": false, "127.0.0.1:1": false,
	} {
		i := fault.New(api, network(), addr, fault.AllowHost("proxies"))
		_, applyErr := i.Apply(ctx, fault.Cut("redis"))
		for what, err := range map[string]error{"Prepare": i.Prepare(ctx), "Apply": applyErr, "Heal": i.Heal(ctx)} {
			refused := err != nil && (strings.Contains(err.Error(), "refusing") || strings.Contains(err.Error(), "want http://"))
			if refused == allowed {
				t.Errorf("%s: %s: %v", api, what, err)
			}
		}
	}
}

func TestADeadServerIsNamed(t *testing.T) { onBoth(t, testADeadServerIsNamed) }

func testADeadServerIsNamed(t *testing.T) {
	l := newLab(t)
	stop(l.proxy)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := l.Apply(ctx, fault.Cut("one_redis"))
	_, statusErr := l.Status(ctx)
	for what, err := range map[string]error{"Apply": err, "Prepare": l.Prepare(ctx), "Heal": l.Heal(ctx, "redis"), "Status": statusErr} {
		if !errors.Is(err, fault.ErrServerDown) || !strings.Contains(err.Error(), "proxy server does not answer: all links are down (http") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
