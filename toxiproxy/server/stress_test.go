package server_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"eventflow/toxiproxy/toxics"
)

// Everything at once, by everybody: afterwards the links are whole, and no
// connection, goroutine or lease is left behind.
func TestAStormLeavesNothingBehind(t *testing.T) {
	r := newRig(t)
	upstream := echo(t)
	links := []string{"a_b", "a_c", "a_d"}
	for _, l := range links {
		r.link(l, upstream)
	}
	before := runtime.NumGoroutine()
	var busy sync.WaitGroup
	until := time.Now().Add(3 * time.Second)
	for n := range 4 {
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		busy.Go(func() { r.vandal(rng, links, until) })
		busy.Go(func() { r.user(rand.New(rand.NewPCG(uint64(n), 2)), links, until) })
	}
	busy.Wait()
	eventually(t, 3*time.Second, func() error {
		if b := r.do("", "GET", "/leases", nil); len(decode[[]any](t, b)) != 1 {
			return fmt.Errorf("leases: %s", b)
		}
		return nil
	})
	r.do("", "POST", "/reset", nil)
	for _, l := range links {
		roundTrip(t, dial(t, r.proxy(l).Listen))
		r.do("", "PATCH", "/proxies/"+l, map[string]any{"enabled": false})
	}
	eventually(t, 5*time.Second, func() error {
		for name, l := range r.links() {
			if l.Connections.Open != 0 || l.Connections.Dialing != 0 {
				return fmt.Errorf("%s: %+v", name, l.Connections)
			}
		}
		if now := runtime.NumGoroutine(); now > before+10 { // idle HTTP connections
			return fmt.Errorf("%d goroutines, before %d", now, before)
		}
		return nil
	})
}

// vandal does at random what the API can do. Only the time of an answer matters.
func (r *rig) vandal(rng *rand.Rand, links []string, until time.Time) {
	lease := ""
	for time.Now().Before(until) {
		link := "/proxies/" + links[rng.IntN(len(links))]
		kind := toxics.Kinds()[rng.IntN(len(toxics.Kinds()))]
		name := fmt.Sprintf("t%d", rng.IntN(5))
		settings := map[string]any{"latency": rng.IntN(50), "rate": rng.IntN(1000), "timeout": rng.IntN(100),
			"average_size": rng.IntN(100), "delay": rng.IntN(1000), "bytes": rng.IntN(10000)}
		start := time.Now()
		switch rng.IntN(7) {
		case 0:
			lease = r.lease("vandal", "300ms")
		case 1:
			lease = ""
		case 2:
			r.request(lease, "POST", link+"/toxics", map[string]any{"name": name, "type": kind, "stream": directions[rng.IntN(2)], "attributes": settings, "toxicity": rng.Float32() * 2})
		case 3:
			r.request(lease, "PATCH", link+"/toxics/"+name, map[string]any{"attributes": settings})
		case 4:
			r.request(lease, "DELETE", link+"/toxics/"+name, nil)
		case 5:
			r.request(lease, "PATCH", link, map[string]any{"enabled": rng.IntN(2) == 0})
		case 6:
			r.request("", "GET", "/links", nil)
		}
		if took := time.Since(start); took > time.Second {
			r.t.Errorf("a call took %s", took)
		}
	}
}

// user connects, writes, and leaves in one way or the other.
func (r *rig) user(rng *rand.Rand, links []string, until time.Time) {
	for time.Now().Before(until) {
		c, err := net.DialTimeout("tcp", r.proxy(links[rng.IntN(len(links))]).Listen, time.Second)
		if err != nil {
			continue
		}
		_ = c.SetDeadline(time.Now().Add(time.Duration(rng.IntN(100)) * time.Millisecond))
		size := rng.IntN(1 << 20)
		go func() { _, _ = c.Write(make([]byte, size)) }()
		_, _ = io.CopyN(io.Discard, c, 1<<18)
		_ = c.(*net.TCPConn).SetLinger(-rng.IntN(2))
		c.Close()
	}
}

// The stock server takes a proxy that listens on all addresses for another one at
// every /populate, and puts a new one without toxics in its place.
func TestPopulateLeavesAloneWhatIsThere(t *testing.T) {
	r := newRig(t)
	_, port, _ := net.SplitHostPort(freeAddr(t))
	for _, listen := range []string{"0.0.0.0:" + port, "localhost:" + port} {
		list := []map[string]any{{"name": "p" + listen[:1], "listen": listen, "upstream": echo(t)}}
		r.do("", "POST", "/populate", list)
		c := dial(t, "127.0.0.1:"+port)
		r.toxic("", "p"+listen[:1], "slow_close", "upstream", map[string]any{"delay": 1})
		r.do("", "POST", "/populate", list)
		roundTrip(t, c)
		if p := r.proxy("p" + listen[:1]); len(p.Toxics) != 1 {
			t.Errorf("%s: %+v", listen, p)
		}
		r.do("", "DELETE", "/proxies/p"+listen[:1], nil)
	}
}
