package fault_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// ownerEnv makes the test binary the owner of faults instead of a test.
const ownerEnv = "FAULT_TEST_OWNER"

// ownerTTL is that owner's lease.
const ownerTTL = time.Second

// owned is what the owner is told.
type owned struct {
	API   string
	Addrs map[string]string
}

// own breaks every link in the name of a lease, says so and waits to be killed.
func own(told string) {
	var o owned
	if err := json.Unmarshal([]byte(told), &o); err != nil {
		panic(err)
	}
	i := fault.New(o.API, network(), func(l topology.Link) string { return o.Addrs[l.Name()] }, fault.Lease("runner", ownerTTL))
	for _, f := range []fault.Fault{fault.Cut("one_redis"), fault.Flap(200*time.Millisecond, "two_redis"), fault.Hold("one_web")} {
		if a, err := i.Apply(context.Background(), f); err != nil || !a.Bit {
			panic(fmt.Sprintf("%+v %v", a, err))
		}
	}
	fmt.Println("broken")
	select {}
}

// The owner of the faults is killed: the server heals them all by itself.
func TestFaultsEndWhenTheirOwnerIsKilled(t *testing.T) {
	l := newLab(t)
	held := dialWeb(t, l.addrs["one_web"])
	owner := l.startOwner()
	before := l.faults()
	if before["one_redis"] != "cut" || before["two_redis"] != "flap 200ms" || before["one_web"] != "hold" {
		t.Fatalf("the links are %v", before)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	for _, link := range l.links.Links {
		eventually(t, link.Name(), func() error {
			if s := l.Probe(t.Context(), link); s.Kind != fault.Answered {
				return errors.New(s.String())
			}
			return nil
		})
	}
	if err := held(); err != nil {
		t.Errorf("the connection that was held: %v", err)
	}
	if took := time.Since(killed); took > ownerTTL+time.Second {
		t.Errorf("healed %s after the kill, with a ttl of %s", took, ownerTTL)
	}
	for link, in := range l.faults() {
		if in != "none" {
			t.Errorf("%s is %s", link, in)
		}
	}
	l.expectEvents("lease_lapsed  runner", "healed one_redis runner", "healed two_redis runner", "healed one_web runner")
}

func (l *lab) startOwner() *exec.Cmd {
	l.t.Helper()
	told, err := json.Marshal(owned{l.api, l.addrs})
	if err != nil {
		l.t.Fatal(err)
	}
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerEnv+"="+string(told))
	owner.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { stop(owner) })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "broken\n" {
		l.t.Fatalf("%q, %v", line, err)
	}
	return owner
}

// dialWeb is a connection made before a fault; what it returns is one request on it.
func dialWeb(t *testing.T, addr string) func() error {
	t.Helper()
	c := dial(addr)
	t.Cleanup(c.close)
	ask := func() error {
		_, err := c.sayWithin(3*time.Second, "GET /healthz HTTP/1.1\r\nHost: x\r\n")
		for err == nil {
			var line string
			if line, err = c.hear(time.Second); line == "ok" {
				return nil
			}
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	return ask
}

// expectEvents wants these among the events, as "type proxy owner".
func (l *lab) expectEvents(want ...string) {
	l.t.Helper()
	page, err := l.Events(l.t.Context(), 0)
	if err != nil || page.Boot == "" {
		l.t.Fatalf("%+v, %v", page, err)
	}
	var got []string
	for _, e := range page.Events {
		got = append(got, fmt.Sprintf("%s %s %s", e.Type, e.Proxy, e.Owner))
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			l.t.Errorf("no %q among\n%s", w, strings.Join(got, "\n"))
		}
	}
}

func TestALeaseIsRenewedUntilClose(t *testing.T) {
	const ttl = time.Second
	l := newLab(t, fault.Lease("drill", ttl))
	a := l.apply(fault.Cut("one_redis"))
	info, err := l.Lease(t.Context())
	if err != nil || info.ID != a.Lease || info.Owner != "drill" || info.Left() <= 0 || len(info.Faults["one_redis"]) != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	for end := time.Now().Add(3 * ttl); time.Now().Before(end); {
		if in := l.faults()["one_redis"]; in != "cut" {
			t.Fatalf("one_redis is %s while its lease is renewed", in)
		}
	}
	l.apply(fault.Slow(20*time.Millisecond, 0, "two_redis"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if in := l.faults(); in["one_redis"] != "none" || in["two_redis"] != "none" {
		t.Errorf("after Close the links are %v", in)
	}
	if _, err := l.Apply(t.Context(), fault.Cut("one_redis")); !errors.Is(err, fault.ErrClosed) {
		t.Errorf("Apply after Close: %v", err)
	}
	select {
	case err := <-l.LeaseLost():
		t.Errorf("a lease that was closed was not lost: %v", err)
	default:
	}
}

func TestALostLeaseIsToldAndReplaced(t *testing.T) {
	for name, lose := range map[string]func(*lab, string){
		"the proxy server was restarted": func(l *lab, _ string) { stop(l.proxy); l.startProxy() },
		"somebody ended it":              func(l *lab, id string) { l.call(http.MethodDelete, "/leases/"+id, "") },
		"all links are down":             func(l *lab, _ string) { stop(l.proxy) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, fault.Lease("drill", 2*time.Second))
			a := l.apply(fault.Hold("one_redis"))
			lose(l, a.Lease)
			var err error
			select {
			case err = <-l.LeaseLost():
			case <-time.After(5 * time.Second):
				t.Fatal("nobody said that the lease is lost")
			}
			// A restarted server may have been met while it was down.
			if !errors.Is(err, fault.ErrLeaseLost) || !strings.Contains(err.Error(), name) && !errors.Is(err, fault.ErrServerDown) {
				t.Errorf("got %v", err)
			}
			if errors.Is(err, fault.ErrServerDown) && name == "all links are down" {
				l.startProxy()
			}
			l.heal()
			if again := l.apply(fault.Hold("one_redis")); again.Lease == a.Lease || again.Lease == "" {
				t.Errorf("the lost lease %q is used again: %q", a.Lease, again.Lease)
			}
		})
	}
}

func TestAFaultForAWhileEndsByItself(t *testing.T) {
	l := newLab(t, fault.Owner("somebody"))
	const ttl = 700 * time.Millisecond
	start := time.Now()
	a, err := l.ApplyFor(t.Context(), fault.LoseReplies("one_redis"), ttl)
	if err != nil || a.Lease == "" {
		t.Fatalf("%+v, %v", a, err)
	}
	eventually(t, "the lease's end", func() error {
		if in := l.faults()["one_redis"]; in != "none" {
			return errors.New(in)
		}
		return nil
	})
	if took := time.Since(start); took < ttl || took > ttl+time.Second {
		t.Errorf("ended after %s, want %s", took, ttl)
	}
	l.client("one_redis")
	l.expectEvents("lease_lapsed  somebody", "healed one_redis somebody")
}

func TestStatusSaysWhoseAFaultIs(t *testing.T) {
	l := newLab(t, fault.Lease("drill", time.Minute))
	l.apply(fault.Flap(time.Second, "one_redis"))
	if a, err := l.ApplyFor(t.Context(), fault.Cut("two_redis"), fault.Forever); err != nil || a.Lease != "" {
		t.Errorf("%+v, %v", a, err)
	}
	all, err := l.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	one, two := all[0], all[1]
	if one.Owner != "drill" || one.Left <= 0 || !strings.Contains(one.String(), "flap 1s, by drill for ") {
		t.Errorf("%+v", one)
	}
	if two.Lease != "" || two.String() != "cut" {
		t.Errorf("%+v", two)
	}
	leases, err := l.Leases(t.Context())
	if err != nil || len(leases) != 2 || leases[0].Owner != "drill" || !leases[1].Forever || len(leases[1].Faults["two_redis"]) != 1 {
		t.Errorf("%+v, %v", leases, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if in := l.faults(); in["one_redis"] != "none" || in["two_redis"] != "cut" {
		t.Errorf("after Close the links are %v", in)
	}
}

// A fault takes the place of somebody else's, whatever either is, and ends with its
// own lease.
func TestAFaultReplacesAnotherOwners(t *testing.T) {
	l := newLab(t, fault.Patience(50*time.Millisecond))
	faults := everyKind("one_redis")
	for n, first := range faults {
		second := faults[(n+1)%len(faults)]
		if _, err := l.ApplyFor(t.Context(), first, fault.Forever); err != nil {
			t.Fatal(err)
		}
		if _, err := l.ApplyFor(t.Context(), second, time.Minute); err != nil {
			t.Fatalf("%s after %s: %v", second, first, err)
		}
		a, err := l.ApplyFor(t.Context(), second, 2*time.Minute) // the same again, for another
		if err != nil {
			t.Fatalf("%s again: %v", second, err)
		}
		status, err := l.Status(t.Context())
		if want := strings.TrimSuffix(second.String(), " on one_redis"); err != nil || status[0].Fault != want || status[0].Lease != a.Lease {
			t.Errorf("%s after %s: %+v, %v", second, first, status[0], err)
		}
		l.heal("one_redis")
	}
	for _, f := range []fault.Fault{fault.Slow(20*time.Millisecond, 0, "one_redis"), fault.Cut("one_redis"), fault.Hold("one_redis")} {
		a, err := l.ApplyFor(t.Context(), f, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		l.call(http.MethodDelete, "/leases/"+a.Lease, "")
		if in := l.faults()["one_redis"]; in != "none" {
			t.Errorf("%s: with its lease gone the link is %s", f, in)
		}
		l.client("one_redis")
	}
}

func TestTheStockServerHasNoLeases(t *testing.T) {
	t.Run(stock, func(t *testing.T) {
		l := newLab(t, fault.Lease("drill", time.Minute))
		_, apply := l.Apply(t.Context(), fault.Cut("one_redis"))
		_, applyFor := l.ApplyFor(t.Context(), fault.Cut("one_redis"), time.Minute)
		_, leases := l.Leases(t.Context())
		_, events := l.Events(t.Context(), 0)
		for what, err := range map[string]error{"Apply": apply, "ApplyFor": applyFor, "Leases": leases, "Events": events} {
			if !errors.Is(err, fault.ErrStock) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if is, err := l.Stock(t.Context()); !is || err != nil {
			t.Errorf("Stock says %v, %v", is, err)
		}
		if in := l.faults()["one_redis"]; in != "none" {
			t.Errorf("a fault that was refused: %s", in)
		}
		l.heal()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}
