package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"eventflow/toxiproxy/event"
	"eventflow/toxiproxy/server"
)

// ownerEnv makes the test binary the owner of a lease instead of a test.
const ownerEnv = "TOXIPROXY_TEST_LEASE_OWNER"

func TestMain(m *testing.M) {
	if api := os.Getenv(ownerEnv); api != "" {
		own(api)
		return
	}
	os.Exit(m.Run())
}

// own breaks a link in the name of a lease and renews it until somebody kills it.
func own(api string) {
	post := func(path, body, lease string) []byte {
		req, err := http.NewRequest("POST", api+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		req.Header.Set(server.LeaseHeader, lease)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode > 299 {
			panic(fmt.Sprintf("%s: %s %s %v", path, res.Status, b, err))
		}
		return b
	}
	var l struct{ ID string }
	if err := json.Unmarshal(post("/leases", `{"owner":"runner","ttl":"1s"}`, ""), &l); err != nil {
		panic(err)
	}
	post("/proxies/a_b", `{"enabled":false}`, l.ID)
	post("/proxies/a_c/toxics", `{"type":"hold","stream":"upstream"}`, l.ID)
	fmt.Println(l.ID)
	for range time.Tick(200 * time.Millisecond) {
		post("/leases/"+l.ID+"/renew", "", "")
	}
}

func TestALeaseLapsesWhenItsOwnerIsKilled(t *testing.T) {
	r := newRig(t)
	cut, held := r.link("a_b", echo(t)), r.link("a_c", echo(t))
	open := dial(t, held)
	roundTrip(t, open)
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerEnv+"="+r.url)
	owner.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	id = strings.TrimSpace(id)
	send(t, open, "kept")
	silence(t, open, 2*time.Second) // twice the ttl: it is renewed
	if _, err := net.Dial("tcp", cut); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the cut link: %v", err)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	_ = owner.Wait()
	expect(t, open, "kept", 2*time.Second)
	eventually(t, 2*time.Second, func() error {
		if code, _ := r.request("", "GET", "/leases/"+id, nil); code != http.StatusGone {
			return fmt.Errorf("the lease answers %d", code)
		}
		return nil
	})
	roundTrip(t, dial(t, cut))
	roundTrip(t, open)
	if took := time.Since(killed); took > 1500*time.Millisecond {
		t.Errorf("healed %s after the kill, with a ttl of 1s", took)
	}
	events := r.events(0)
	for _, want := range []string{"healed a_b down", "healed a_c hold", "lease_lapsed  "} {
		if !strings.Contains(events, want) {
			t.Errorf("no %q in\n%s", want, events)
		}
	}
	contains(t, r.do("", "GET", "/metrics", nil),
		`toxiproxy_leases_ended_total{reason="lapsed"} 1`, `toxiproxy_lease_faults_healed_total{reason="lapsed"} 2`)
}

// events are the events since that number as lines "type proxy fault".
func (r *rig) events(since int) string {
	r.t.Helper()
	var out strings.Builder
	lines := json.NewDecoder(bytes.NewReader(r.do("", "GET", fmt.Sprintf("/events?since=%d", since), nil)))
	for {
		var e event.Event
		if err := lines.Decode(&e); err == io.EOF {
			return out.String()
		} else if err != nil {
			r.t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s %s %s %s\n", e.Type, e.Proxy, e.Fault, e.Owner)
	}
}

// Layers: the latest settings are in force; the end of a lease takes away its own.
func TestHealingTakesBackWhatTheLeaseDidAndOnlyThat(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", echo(t))
	base := func(ms int) map[string]any {
		return map[string]any{"name": "lat", "type": "latency", "stream": "downstream", "attributes": map[string]any{"latency": ms}}
	}
	r.do("", "POST", "/proxies/a_b/toxics", base(1))
	one, two := r.lease("one", "60s"), r.lease("two", "60s")
	r.do(one, "PATCH", "/proxies/a_b/toxics/lat", base(10))
	r.do(two, "PATCH", "/proxies/a_b/toxics/lat", base(20))
	r.toxic(one, "a_b", "noop", "upstream", nil)
	r.do(one, "PATCH", "/proxies/a_b", map[string]any{"enabled": false})
	r.do(two, "PATCH", "/proxies/a_b", map[string]any{"enabled": false})
	in := func(enabled bool, latency float64, toxics int) {
		t.Helper()
		p := r.proxy("a_b")
		if p.Enabled != enabled || len(p.Toxics) != toxics || p.Toxics[toxics-1].Attributes["latency"] != latency {
			t.Errorf("%+v", p)
		}
	}
	in(false, 20, 2)
	r.do("", "DELETE", "/leases/"+one, nil)
	in(false, 20, 1)
	r.do("", "DELETE", "/leases/"+two, nil)
	in(true, 1, 1)
	roundTrip(t, dial(t, addr))

	three, four := r.lease("three", "60s"), r.lease("four", "60s")
	r.toxic(three, "a_b", "hold", "upstream", nil)
	r.do(four, "PATCH", "/proxies/a_b/toxics/hold_upstream", map[string]any{"toxicity": 0.5})
	r.do(three, "DELETE", "/proxies/a_b/toxics/hold_upstream", nil)
	if got := r.proxy("a_b").Toxics; len(got) != 2 || got[0].Lease != four {
		t.Errorf("the maker's end took the other's settings: %+v", got)
	}
	r.do("", "DELETE", "/leases/"+four, nil)
	in(true, 1, 1)
}

func TestALeaseUndoesNobodyElses(t *testing.T) {
	r := newRig(t)
	r.link("a_b", echo(t))
	mine, other := r.lease("mine", "60s"), r.lease("other", "60s")
	r.toxic(other, "a_b", "hold", "upstream", nil)
	r.do(other, "PATCH", "/proxies/a_b", map[string]any{"enabled": false})
	for path, call := range map[string]struct {
		method string
		body   any
		want   int
	}{
		"/proxies/a_b/toxics/hold_upstream": {"DELETE", nil, http.StatusConflict},
		"/proxies/a_b":                      {"PATCH", map[string]any{"enabled": true}, http.StatusConflict},
		"/proxies/a_b?move":                 {"PATCH", map[string]any{"upstream": "127.0.0.1:1"}, http.StatusBadRequest},
	} {
		if code, answer := r.request(mine, call.method, path, call.body); code != call.want {
			t.Errorf("%s %s: %d %s", call.method, path, code, answer)
		}
	}
	// Whoever comes without a lease has the last word.
	r.do("", "PATCH", "/proxies/a_b", map[string]any{"enabled": true})
	r.do("", "DELETE", "/proxies/a_b/toxics/hold_upstream", nil)
	if p := r.proxy("a_b"); !p.Enabled || len(p.Toxics) != 0 {
		t.Errorf("%+v", p)
	}
	r.do("", "DELETE", "/leases/"+other, nil)
	if code, answer := r.request(other, "PATCH", "/proxies/a_b", map[string]any{"enabled": false}); code != http.StatusGone {
		t.Errorf("an ended lease: %d %s", code, answer)
	}
}

func TestFaultsWithoutALeaseStayForEver(t *testing.T) {
	r := newRig(t)
	r.link("a_b", echo(t))
	r.toxic("", "a_b", "hold", "upstream", nil)
	all := decode[[]struct {
		Owner   string
		Forever bool
		Faults  map[string][]struct{ Kind string }
	}](t, r.do("", "GET", "/leases", nil))
	if len(all) != 1 || all[0].Owner != "none" || !all[0].Forever || all[0].Faults["a_b"][0].Kind != "hold" {
		t.Errorf("%+v", all)
	}
}

// A port that is taken meanwhile delays a heal; it must neither stop it nor hide it.
func TestAHealThatFailsIsTriedAgain(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", echo(t))
	id := r.lease("short", "200ms")
	r.do(id, "PATCH", "/proxies/a_b", map[string]any{"enabled": false})
	taken, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, func() error {
		if e := r.events(0); !strings.Contains(e, "heal_failed") {
			return errors.New(e)
		}
		return nil
	})
	contains(t, r.do("", "GET", "/leases", nil), `"ending":"lapsed"`, "address already in use")
	taken.Close()
	eventually(t, 2*time.Second, func() error {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	})
	if got := strings.Count(r.events(0), "heal_failed"); got != 1 {
		t.Errorf("said %d times that it failed", got)
	}
}

func TestLeaseRequestsAreBounded(t *testing.T) {
	r := newRig(t)
	for name, body := range map[string]map[string]string{
		"no owner":   {"ttl": "1s"},
		"long owner": {"owner": strings.Repeat("x", 129), "ttl": "1s"},
		"odd owner":  {"owner": "a\nb", "ttl": "1s"},
		"none":       {"owner": "none", "ttl": "1s"},
		"no ttl":     {"owner": "me"},
		"short ttl":  {"owner": "me", "ttl": "1ms"},
		"long ttl":   {"owner": "me", "ttl": "25h"},
	} {
		if code, _ := r.request("", "POST", "/leases", body); code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, code)
		}
	}
	if code, _ := r.request("", "POST", "/leases/nonsense/renew", nil); code != http.StatusGone {
		t.Errorf("renewing nothing: %d", code)
	}
	if code, _ := r.request("", "POST", "/leases", strings.Repeat("x", 2<<20)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of 2 MiB: %d", code)
	}
}

func TestEventsCanBeWaitedFor(t *testing.T) {
	r := newRig(t)
	var busy sync.WaitGroup
	defer busy.Wait()
	busy.Go(func() {
		time.Sleep(100 * time.Millisecond) // so that the request below waits, most likely
		r.lease("late", "60s")
	})
	start := time.Now()
	_, b := r.request("", "GET", "/events?wait=5s", nil)
	contains(t, b, "lease_opened")
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("waited %s", took)
	}
}
