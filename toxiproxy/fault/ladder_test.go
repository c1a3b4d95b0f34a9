package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// healDeadline is the promise for our server: whatever the upstream does.
const healDeadline = 2 * time.Second

// healsInTime heals one_redis, whose upstream does not answer, within the deadline,
// and demands that nobody but the upstream is blamed.
func (l *lab) healsInTime(f fault.Fault) {
	l.t.Helper()
	start := time.Now()
	err := l.Heal(l.t.Context(), "one_redis")
	if took := time.Since(start); took > healDeadline {
		l.t.Errorf("%s: the heal took %s", f, took)
	}
	var failed *fault.HealError
	if !errors.As(err, &failed) || !failed.Links[0].UpstreamDown() ||
		!strings.HasPrefix(err.Error(), "not healed: one_redis: the link is whole but its upstream is down") {
		l.t.Errorf("%s: %v", f, err)
	}
	if in := l.faults()["one_redis"]; in != "none" {
		l.t.Errorf("%s: the link is %s", f, in)
	}
}

func TestHealIsQuickWhileTheUpstreamIsPaused(t *testing.T) {
	l := newLab(t)
	pooled := l.client("one_redis")
	l.apply(fault.Slow(20*time.Millisecond, 0, "one_redis"))
	if err := l.redis.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	l.healsInTime(fault.Slow(20*time.Millisecond, 0, "one_redis"))
	if err := l.redis.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got, err := pooled.sayWithin(5*time.Second, "PING"); got != "+PONG" {
		t.Errorf("the heal ended a connection that only waited for its server: %q, %v", got, err)
	}
	l = newLab(t, fault.Patience(400*time.Millisecond))
	for _, f := range everyKind("one_redis") {
		if _, err := l.Apply(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if err := l.redis.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		l.healsInTime(f)
		if err := l.redis.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		l.heal()
	}
}

func TestHealIsQuickWhileDialsHang(t *testing.T) {
	l := &lab{t: t, links: network(), upstreams: map[topology.Name]string{"redis": swallow(t), "web": startWeb(t)}}
	l.connect(fault.Patience(300 * time.Millisecond))
	for _, f := range everyKind("one_redis") {
		if a, err := l.Apply(t.Context(), f); err != nil {
			t.Fatalf("%+v, %v", a, err)
		}
		for range 3 {
			c := dial(l.addrs["one_redis"])
			defer c.close()
		}
		l.healsInTime(f)
	}
}

// swallow is a listener whose backlog is full: the kernel drops every further SYN.
func swallow(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
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

// The same with the default patience.
func TestHealIsQuickWhileDialsHangByDefault(t *testing.T) {
	l := &lab{t: t, links: network(), upstreams: map[topology.Name]string{"redis": swallow(t), "web": startWeb(t)}}
	l.connect()
	if a, err := l.Apply(t.Context(), fault.Hold("one_redis")); err != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	l.healsInTime(fault.Hold("one_redis"))
}

func TestAServerThatIsDownIsNoLinksFault(t *testing.T) {
	onBoth(t, func(t *testing.T) {
		for name, take := range map[string]func(*lab) error{
			"killed": func(l *lab) error { stop(l.proxy); return nil },
			"paused": func(l *lab) error { return pause(t, l.proxy) },
		} {
			l := newLab(t)
			l.apply(fault.Cut("one_redis"))
			if err := take(l); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			err := l.Heal(t.Context())
			if took := time.Since(start); took > healDeadline {
				t.Errorf("%s: it took %s to notice", name, took)
			}
			if !errors.Is(err, fault.ErrServerDown) || !strings.Contains(err.Error(), "not healed: proxy server does not answer: all links are down") {
				t.Errorf("%s: %v", name, err)
			}
			var failed *fault.HealError
			if !errors.As(err, &failed) || len(failed.Links) != len(l.links.Links) || failed.Links[0].UpstreamDown() {
				t.Errorf("%s: an upstream is blamed: %+v", name, failed)
			}
		}
	})
}

// pause stops a process and waits until it has stopped.
func pause(t *testing.T, cmd *exec.Cmd) error {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	eventually(t, "pause", func() error {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err == nil && !strings.Contains(string(stat), ") T ") {
			err = errors.New(string(stat))
		}
		return err
	})
	return nil
}

// With the last rung, a server that was killed or that hangs is replaced, and the
// injector's lease with it.
func TestHealRestartsAServerThatIsDown(t *testing.T) {
	var l *lab
	restart := fault.Restart(func(context.Context) error {
		stop(l.proxy)
		l.startProxy()
		return nil
	})
	for name, take := range map[string]func() error{
		"killed": func() error { stop(l.proxy); return nil },
		"paused": func() error { return pause(t, l.proxy) },
	} {
		l = newLab(t, restart, fault.Lease("drill", 30*time.Second))
		l.apply(fault.Hold("redis"))
		if err := take(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		l.heal("one_redis")
		t.Logf("%s: healed in %s", name, time.Since(start).Round(time.Millisecond))
		for link, in := range l.faults() {
			if in != "none" {
				t.Errorf("%s: %s is %s", name, link, in)
			}
		}
		l.client("one_redis")
		l.apply(fault.Hold("redis")) // in a new lease's name
		l.heal()
	}
}
