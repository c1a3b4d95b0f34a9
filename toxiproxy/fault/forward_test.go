package fault_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// A proxy server in a container is reached through published ports. What maps such
// a port accepts whatever listens behind it, and passes on an end where there was a
// reset.

// forward is such a mapping.
func forward(t testing.TB, to string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go carry(client.(*net.TCPConn), to)
		}
	}()
	return listener.Addr().String()
}

func carry(client *net.TCPConn, to string) {
	defer client.Close()
	conn, err := net.DialTimeout("tcp", to, time.Second)
	if err != nil {
		return
	}
	backend := conn.(*net.TCPConn)
	defer backend.Close()
	var both sync.WaitGroup
	pipe := func(to, from *net.TCPConn) {
		_, _ = io.Copy(to, from) // however it ends, the other side is told that it is over
		_ = from.CloseRead()
		_ = to.CloseWrite()
	}
	both.Go(func() { pipe(backend, client) })
	both.Go(func() { pipe(client, backend) })
	both.Wait()
}

// publish is the lab seen from outside its container.
func (l *lab) publish() *fault.Injector {
	l.t.Helper()
	published := map[string]string{}
	for name, addr := range l.addrs {
		published[name] = forward(l.t, addr)
	}
	plan := l.links.Proxies(func(link topology.Link) string { return l.addrs[link.Name()] },
		func(link topology.Link) string { return l.upstreams[link.To] })
	return fault.New(l.api, l.links, func(link topology.Link) string { return published[link.Name()] }, fault.Plan(plan))
}

func TestEveryFaultBitesAndHealsThroughAPublishedPort(t *testing.T) {
	onBoth(t, testEveryFaultBitesAndHealsThroughAPublishedPort)
}

func testEveryFaultBitesAndHealsThroughAPublishedPort(t *testing.T) {
	injector := newLab(t).publish()
	faults := []fault.Fault{fault.Cut("all"), fault.Slow(200*time.Millisecond, 0, "all"), fault.Hang("all"), fault.LoseReplies("all")}
	if serverOf(t) == ours {
		faults = append(faults, fault.Hold("all"), fault.LoseRequests("all"), fault.Late(200*time.Millisecond, "all"), fault.Reset("all"),
			fault.Trickle(1, "all"), fault.Truncate(5, "all"), fault.Flap(400*time.Millisecond, "all"))
	}
	for _, f := range faults {
		a, err := injector.Apply(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if !a.Bit {
			t.Errorf("%s did not bite: %s", f, a.Reason)
		}
		if err := injector.Heal(t.Context()); err != nil {
			t.Fatalf("heal %s: %v", f, err)
		}
	}
}
