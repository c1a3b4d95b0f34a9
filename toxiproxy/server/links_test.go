package server_test

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"
)

type linkView struct {
	Name        string
	Enabled     bool
	Connections struct{ Open, Total, Refused, Dialing int64 }
	Up          bytesView `json:"to_upstream"`
	Down        bytesView `json:"to_client"`
	Faults      []struct {
		Kind, Lease, Toxic string
		InForce            bool `json:"in_force"`
	}
	Leases        []string
	UpstreamLocal []string `json:"upstream_local"`
}

type bytesView struct {
	Received int64 `json:"received_bytes"`
	Sent     int64 `json:"sent_bytes"`
	Lost     int64 `json:"lost_bytes"`
}

func (r *rig) links() map[string]linkView {
	r.t.Helper()
	out := map[string]linkView{}
	for _, l := range decode[[]linkView](r.t, r.do("", "GET", "/links", nil)) {
		out[l.Name] = l
	}
	return out
}

func TestLinksAreCountedWhileTheyAreOpen(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", echo(t))
	c := dial(t, addr)
	send(t, c, "12345")
	expect(t, c, "12345", time.Second)
	id := r.lease("test", "60s")
	r.toxic(id, "a_b", "timeout", "downstream", map[string]any{"timeout": 0})
	r.toxic("", "a_b", "latency", "upstream", map[string]any{"latency": 0}) // does nothing
	send(t, c, "abc")
	eventually(t, time.Second, func() error {
		l := r.links()["a_b"]
		if l.Up != (bytesView{8, 8, 0}) || l.Down != (bytesView{8, 5, 3}) || l.Connections.Open != 1 || l.Connections.Total != 1 {
			return fmt.Errorf("%+v", l)
		}
		if len(l.Faults) != 1 || !l.Faults[0].InForce || len(l.Leases) != 1 || l.Leases[0] != id {
			return fmt.Errorf("faults %+v, leases %v", l.Faults, l.Leases)
		}
		return nil
	})
	contains(t, r.do("", "GET", "/metrics", nil),
		`toxiproxy_link_bytes_total{direction="downstream",fate="lost",proxy="a_b"} 3`,
		`toxiproxy_link_bytes_total{direction="upstream",fate="sent",proxy="a_b"} 8`,
		`toxiproxy_link_open_connections{proxy="a_b"} 1`, `toxiproxy_link_active_faults{proxy="a_b"} 1`, `toxiproxy_leases 1`,
		`toxiproxy_link_leases{proxy="a_b"} 1`, `toxiproxy_link_fault_active{kind="timeout",proxy="a_b",stream="downstream"} 1`,
		`toxiproxy_link_connections_total{proxy="a_b"} 1`, `toxiproxy_link_enabled{proxy="a_b"} 1`,
		`toxiproxy_proxy_received_bytes_total{direction="upstream",listener="`+addr+`",proxy="a_b",upstream=`)
	c.Close()
	eventually(t, time.Second, func() error {
		if l := r.links()["a_b"]; l.Connections.Open != 0 {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
}

func TestLinksTellHowTheUpstreamKnowsThem(t *testing.T) {
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	r := newRig(t)
	client := dial(t, r.link("a_b", upstream.Addr().String()))
	server, err := upstream.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	told := func(want ...string) {
		t.Helper()
		eventually(t, time.Second, func() error {
			if got := r.links()["a_b"].UpstreamLocal; got == nil || !slices.Equal(got, want) {
				return fmt.Errorf("told %v, want %v", got, want)
			}
			return nil
		})
	}
	told(server.RemoteAddr().String())
	client.Close()
	server.Close()
	told()
}
