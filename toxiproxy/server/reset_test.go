package server_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestResetKillsIdleConnectionsAndNewOnes(t *testing.T) {
	for _, stream := range directions {
		t.Run(stream, func(t *testing.T) {
			r := newRig(t)
			ended := make(chan error, 2)
			addr := r.link("a_b", serve(t, func(c *net.TCPConn) {
				_, err := io.Copy(c, c)
				ended <- err
			}))
			idle := dial(t, addr)
			roundTrip(t, idle)
			start := time.Now()
			r.toxic("", "a_b", "reset", stream, nil)
			err := ends(t, idle, time.Second)
			if took := time.Since(start); !errors.Is(err, syscall.ECONNRESET) || took > 100*time.Millisecond {
				t.Errorf("the idle connection ended with %v after %s", err, took)
			}
			if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("its server saw %v", err)
			}
			if err := fate(t, addr); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("a new connection ended with %v", err)
			}
			if got := r.proxy("a_b").Toxics; len(got) != 1 || got[0].Type != "reset" {
				t.Errorf("GET shows %+v", got)
			}
			r.heal("a_b", "reset", stream)
			roundTrip(t, dial(t, addr))
		})
	}
}

// fate is how a new connection ends. The reset may come before connect has returned.
func fate(t *testing.T, addr string) error {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	return ends(t, c, time.Second)
}

// A connection that is jammed in both directions, or still being dialled, is reset
// like any other.
func TestResetReachesJammedAndDiallingConnections(t *testing.T) {
	r := newRig(t)
	jammed := jam(t, r, "a_b")
	waiting := dial(t, r.link("a_c", swallow(t)))
	for link, c := range map[string]net.Conn{"a_b": jammed, "a_c": waiting} {
		start := time.Now()
		r.toxic("", link, "reset", "downstream", nil)
		if err := ends(t, c, time.Second); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s ended with %v", link, err)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("%s took %s", link, took)
		}
	}
}

func TestStockResetPeerResetsOpenConnectionsToo(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", echo(t))
	c := dial(t, addr)
	roundTrip(t, c)
	r.toxic("", "a_b", "reset_peer", "upstream", map[string]any{"timeout": 50})
	start := time.Now()
	send(t, c, "x")
	err := ends(t, c, time.Second)
	if took := time.Since(start); !errors.Is(err, syscall.ECONNRESET) || took < 40*time.Millisecond {
		t.Errorf("ended with %v after %s", err, took)
	}
}
