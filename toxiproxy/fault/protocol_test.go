package fault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/selftest/servertest"
	"eventflow/toxiproxy/topology"
)

// Every protocol's probe must tell every fault from every other, on the real
// server: the farewell of lose-replies most of all, for each server has its own
// way of hanging up.
func TestEveryProtocolFeelsEveryFault(t *testing.T) { onBoth(t, testEveryProtocolFeelsEveryFault) }

func testEveryProtocolFeelsEveryFault(t *testing.T) {
	servers := map[topology.Protocol]func(*testing.T) string{
		topology.Redis:    func(t *testing.T) string { l := newLab(t); return l.upstreams["redis"] },
		topology.HTTP:     func(t *testing.T) string { return startWeb(t) },
		topology.Postgres: func(t *testing.T) string { return servertest.Postgres(t) },
		topology.AMQP:     func(t *testing.T) string { return servertest.RabbitMQ(t) },
	}
	for protocol, start := range servers {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			l := soloLab(t, protocol, start(t))
			everyFault(t, l)
		})
	}
}

func everyFault(t *testing.T, l *lab) {
	link, refused := l.link("client_server"), 0
	defer func() {
		if want := map[string]int{stock: 11}[serverOf(t)]; refused != want {
			t.Errorf("%d faults refused, want %d", refused, want)
		}
	}()
	for _, tt := range []struct {
		fault fault.Fault
		want  fault.SymptomKind
	}{
		{fault.Cut("server"), fault.Refused},
		{fault.Slow(60*time.Millisecond, 20*time.Millisecond, "server"), fault.Answered},
		{fault.Hang("server"), fault.Silent},
		{fault.LoseReplies("server"), fault.Obeyed},
		{fault.Hold("server"), fault.Silent},
		{fault.Hold("server").Only(fault.Up), fault.Silent},
		{fault.Hold("server").Only(fault.Down), fault.Silent},
		{fault.LoseRequests("server"), fault.Silent},
		{fault.Late(60*time.Millisecond, "server"), fault.Answered},
		{fault.Reset("server"), fault.WasReset},
		{fault.Trickle(2, "server"), fault.Answered},
		{fault.Trickle(2, "server").Only(fault.Up), fault.Answered},
		{fault.Truncate(5, "server"), "broke off after 5 bytes"},
		{fault.Truncate(5, "server").Only(fault.Up), ""},
		{fault.Flap(200*time.Millisecond, "server"), "by turns"},
	} {
		if s := l.Probe(t.Context(), link); s.Kind != fault.Answered {
			t.Fatalf("before %s: %s", tt.fault, s)
		}
		a, err := l.Apply(t.Context(), tt.fault)
		if want := "this server does not know " + string(tt.fault.Kind) + "; it is stock Toxiproxy"; err != nil && serverOf(t) == stock && strings.Contains(err.Error(), want) && errors.Is(err, fault.ErrStock) {
			refused++
			continue
		}
		if err != nil || !a.Bit {
			t.Fatalf("%s: %+v, %v", tt.fault, a, err)
		}
		if !strings.Contains(a.Symptom, string(tt.want)) {
			t.Errorf("%s: felt %q, want %s", tt.fault, a.Symptom, tt.want)
		}
		l.heal()
	}
}

// soloLab is a network of one link to a server that runs already.
func soloLab(t *testing.T, p topology.Protocol, upstream string) *lab {
	t.Helper()
	l := soloOf(t, p, upstream)
	if s := l.Probe(t.Context(), l.link("client_server")); s.Kind != fault.Answered {
		t.Fatalf("%s: %s", p, s)
	}
	return l
}

func soloOf(t *testing.T, p topology.Protocol, upstream string) *lab {
	t.Helper()
	l := &lab{t: t, upstreams: map[topology.Name]string{"server": upstream}, links: topology.Map{
		Services: []topology.Service{{Name: "client"}, {Name: "server", Protocol: p}},
		Links:    []topology.Link{{From: "client", To: "server"}},
	}}
	l.connect(fault.Patience(500 * time.Millisecond))
	return l
}

func TestProbeSeesThatTheWrongServerAnswers(t *testing.T) {
	web := startWeb(t)
	for _, p := range []topology.Protocol{topology.Redis, topology.Postgres, topology.AMQP} {
		addr := func(topology.Link) string { return web }
		m := topology.Map{Services: []topology.Service{{Name: "server", Protocol: p}}, Links: []topology.Link{{From: "client", To: "server"}}}
		i := fault.New("http://127.0.0.1:1", m, addr, fault.Patience(300*time.Millisecond))
		if s := i.Probe(t.Context(), m.Links[0]); s.Kind == fault.Answered {
			t.Errorf("a web server passes for %s: %s", p, s)
		}
	}
}
