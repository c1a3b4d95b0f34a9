package server_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// swallow is a listener whose backlog is full: the kernel drops every further SYN,
// and a dial hangs.
func swallow(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the backlog never filled")
	return ""
}

// jam is a connection through a new link on which both ends write and neither
// reads, until no buffer takes any more.
func jam(t *testing.T, r *rig, link string) *net.TCPConn {
	t.Helper()
	full := make(chan struct{}, 2)
	pour := func(c net.Conn) {
		for {
			_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				full <- struct{}{}
				return
			}
		}
	}
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	addr := r.link(link, serve(t, func(c *net.TCPConn) {
		pour(c)
		<-over
	}))
	c := dial(t, addr)
	go pour(c)
	for range 2 {
		select {
		case <-full:
		case <-time.After(20 * time.Second):
			t.Fatal("the buffers never filled")
		}
	}
	return c
}

// everyChange does all that can be done to a link. rig.do demands that each call
// answers at once.
func everyChange(t *testing.T, r *rig, link string) {
	t.Helper()
	kinds := map[string]map[string]any{
		"latency": {"latency": 60000}, "bandwidth": {"rate": 1}, "slicer": {"average_size": 1, "delay": 1000000},
		"slow_close": {"delay": 60000}, "timeout": {"timeout": 0}, "limit_data": {"bytes": 1 << 40}, "hold": nil, "noop": nil,
	}
	for kind, attributes := range kinds {
		for _, stream := range directions {
			path := "/proxies/" + link + "/toxics/" + kind + "_" + stream
			r.toxic("", link, kind, stream, attributes)
			r.do("", "PATCH", path, map[string]any{"attributes": attributes})
			r.do("", "GET", "/proxies/"+link, nil)
			if kind != "timeout" { // whose removal ends connections
				r.do("", "DELETE", path, nil)
			}
		}
	}
	r.toxic("", link, "latency", "downstream", map[string]any{"latency": 60000})
	r.do("", "PATCH", "/proxies/"+link, map[string]any{"enabled": false})
	r.do("", "PATCH", "/proxies/"+link, map[string]any{"enabled": true})
	r.do("", "POST", "/reset", nil)
	r.do("", "DELETE", "/proxies/"+link, nil)
}

func TestAHangingDialHoldsUpNothing(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", swallow(t))
	for range 5 {
		dial(t, addr)
	}
	eventually(t, time.Second, func() error {
		if n := r.links()["a_b"].Connections.Dialing; n != 5 {
			return fmt.Errorf("%d dials hang, want 5", n)
		}
		return nil
	})
	everyChange(t, r, "a_b")
}

// The dial of one client must not keep the next from being served.
func TestAHangingDialIsItsClientsOwn(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", swallow(t))
	stuck := dial(t, addr)
	r.do("", "PATCH", "/proxies/a_b", map[string]any{"upstream": echo(t)})
	if err := ends(t, stuck, time.Second); err != io.EOF {
		t.Errorf("the stuck one ended with %v", err)
	}
	roundTrip(t, dial(t, addr))
}

func TestAJammedConnectionHoldsUpNothing(t *testing.T) {
	r := newRig(t)
	jam(t, r, "a_b")
	everyChange(t, r, "a_b")
}

func TestAPausedUpstreamHoldsUpNothing(t *testing.T) {
	bin, err := exec.LookPath("redis-server")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	r := newRig(t)
	at := freeAddr(t)
	_, port, _ := net.SplitHostPort(at)
	redis := exec.Command(bin, "--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", "")
	redis.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := redis.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = redis.Process.Kill()
		_ = redis.Wait()
	})
	addr := r.link("a_b", at)
	var c *net.TCPConn
	eventually(t, 5*time.Second, func() error {
		c = dial(t, addr)
		return ping(c)
	})
	if err := redis.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := ping(c); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a paused server answered: %v", err)
	}
	everyChange(t, r, "a_b")
	if err := redis.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, func() error { return ping(dial(t, r.linkAgain("a_b", at))) })
}

// linkAgain makes the link, or returns where it listens.
func (r *rig) linkAgain(name, upstream string) string {
	if code, _ := r.request("", "GET", "/proxies/"+name, nil); code == 200 {
		return r.proxy(name).Listen
	}
	return r.link(name, upstream)
}

func ping(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := io.WriteString(c, "PING\r\n"); err != nil {
		return err
	}
	got := make([]byte, 7)
	_, err := io.ReadFull(c, got)
	return err
}

// Clients that hung up while their bytes wait stalled the stock server for 35 s
// when the latency under them was removed.
func TestRemovingLatencyUnderDeadClientsIsQuick(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", serve(t, func(c *net.TCPConn) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := c.Write([]byte("frame")); err != nil {
				return
			}
		}
	}))
	r.toxic("", "a_b", "latency", "downstream", map[string]any{"latency": 2000})
	for n := range 10 {
		c := dial(t, addr)
		send(t, c, "hello")
		if n%2 == 0 {
			c.Close()
		}
	}
	r.heal("a_b", "latency", "downstream")
	c := dial(t, addr)
	expect(t, c, "frame", time.Second)
}
