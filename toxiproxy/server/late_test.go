package server_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// listener is an upstream that writes down what reaches it.
func listener(t *testing.T) (addr string, heard <-chan string) {
	t.Helper()
	said := make(chan string, 100)
	return serve(t, func(c *net.TCPConn) {
		buf := make([]byte, 1024)
		for {
			n, err := c.Read(buf)
			if n > 0 {
				said <- string(buf[:n])
				_, _ = io.WriteString(c, "done") // nobody may be there to hear it
			}
			if err != nil {
				said <- "end"
				return
			}
		}
	}), said
}

// Latency upstream is the fault `late`: the client gives up and hangs up, politely
// or by a reset, and all that it asked for is done afterwards.
func TestLateRequestsArriveAfterTheClientHasGivenUp(t *testing.T) {
	for name, linger := range map[string]int{"hung up": -1, "reset": 0} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			upstream, heard := listener(t)
			addr := r.link("a_b", upstream)
			c := dial(t, addr)
			send(t, c, "warm")
			expect(t, c, "done", time.Second)
			<-heard
			r.toxic("", "a_b", "latency", "upstream", map[string]any{"latency": 700})
			start := time.Now()
			send(t, c, "first")
			silence(t, c, 200*time.Millisecond)
			send(t, c, "second")
			silence(t, c, 100*time.Millisecond)
			if err := c.SetLinger(linger); err != nil {
				t.Fatal(err)
			}
			c.Close()
			for _, want := range []string{"first", "second", "end"} {
				select {
				case got := <-heard:
					if got != want || time.Since(start) < 600*time.Millisecond {
						t.Errorf("heard %q after %s, want %q", got, time.Since(start), want)
					}
				case <-time.After(3 * time.Second):
					t.Fatalf("never heard %q", want)
				}
			}
		})
	}
}

func TestLateEndsInAMoment(t *testing.T) {
	r := newRig(t)
	upstream, heard := listener(t)
	addr := r.link("a_b", upstream)
	r.toxic("", "a_b", "latency", "upstream", map[string]any{"latency": 60000})
	c := dial(t, addr)
	send(t, c, "held back")
	silence(t, c, 200*time.Millisecond)
	r.do("", "PATCH", "/proxies/a_b/toxics/latency_upstream", map[string]any{"attributes": map[string]any{"latency": 0}})
	expect(t, c, "done", time.Second)
	if got := <-heard; got != "held back" {
		t.Errorf("heard %q", got)
	}
}

func TestTimeoutLosesOneDirection(t *testing.T) {
	for _, stream := range directions {
		t.Run(stream, func(t *testing.T) {
			r := newRig(t)
			upstream, heard := listener(t)
			addr := r.link("a_b", upstream)
			open := dial(t, addr)
			send(t, open, "warm")
			expect(t, open, "done", time.Second)
			<-heard
			r.toxic("", "a_b", "timeout", stream, map[string]any{"timeout": 0})
			fresh := dial(t, addr)
			for _, c := range []net.Conn{open, fresh} {
				send(t, c, "lost?")
				silence(t, c, 300*time.Millisecond)
			}
			if arrived := len(heard) == 2; arrived != (stream == "downstream") {
				t.Errorf("%d requests arrived", len(heard))
			}
			r.heal("a_b", "timeout", stream)
			for _, c := range []net.Conn{open, fresh} {
				if err := ends(t, c, time.Second); err != io.EOF {
					t.Errorf("ended with %v", err)
				}
			}
			c := dial(t, addr)
			send(t, c, "whole")
			expect(t, c, "done", time.Second)
		})
	}
}

func TestTimeoutEndsAnIdleConnection(t *testing.T) {
	r := newRig(t)
	c := dial(t, r.link("a_b", echo(t)))
	roundTrip(t, c)
	start := time.Now()
	r.toxic("", "a_b", "timeout", "upstream", map[string]any{"timeout": 200})
	err := ends(t, c, time.Second)
	if took := time.Since(start); err != io.EOF || took < 190*time.Millisecond {
		t.Errorf("ended with %v after %s", err, took)
	}
}

func TestDisableRefusesAndEnableServes(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", echo(t))
	c := dial(t, addr)
	roundTrip(t, c)
	for range 20 {
		r.do("", "PATCH", "/proxies/a_b", map[string]any{"enabled": false})
		if err := ends(t, c, time.Second); err != io.EOF {
			t.Errorf("ended with %v", err)
		}
		if _, err := net.DialTimeout("tcp", addr, time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("connecting: %v", err)
		}
		r.do("", "PATCH", "/proxies/a_b", map[string]any{"enabled": true})
		c = dial(t, addr)
		roundTrip(t, c)
	}
}

func TestHalfClosedConnectionsGetTheirAnswer(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", serve(t, func(c *net.TCPConn) {
		all, _ := io.ReadAll(c)
		_, _ = c.Write(all)
	}))
	c := dial(t, addr)
	send(t, c, "that is all")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	if got, err := io.ReadAll(c); string(got) != "that is all" || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %q, %v", got, err)
	}
}
