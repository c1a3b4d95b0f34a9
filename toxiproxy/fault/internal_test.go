package fault

import (
	"slices"
	"testing"
	"time"

	"eventflow/toxiproxy/topology"
)

func TestStateIsRecognisedFromWhatTheServerSays(t *testing.T) {
	slow := state{kind: KindSlow, delay: 3 * time.Second, jitter: time.Second}
	odd := toxic{Name: "odd", Type: "slicer", Stream: "upstream", Toxicity: 1}
	half := latency(latDown, "downstream", time.Second, 0)
	half.Toxicity = 0.5
	tests := []struct {
		name string
		p    remoteProxy
		want string
	}{
		{"bare", remoteProxy{Enabled: true}, "none"},
		{"prepared", remoteProxy{Enabled: true, Toxics: state{}.toxics()}, "none"},
		{"slow", remoteProxy{Enabled: true, Toxics: slow.toxics()}, "slow 3s±1s"},
		{"cut", remoteProxy{Toxics: state{}.toxics()}, "cut"},
		{"cut while slow", remoteProxy{Toxics: slow.toxics()}, "cut"},
		{"hang", remoteProxy{Enabled: true, Toxics: state{kind: KindHang}.toxics()}, "hang"},
		{"lose-replies", remoteProxy{Enabled: true, Toxics: state{kind: KindLoseReplies}.toxics()}, "lose-replies"},
		{"lose-requests", remoteProxy{Enabled: true, Toxics: state{kind: KindLoseRequests}.toxics()}, "lose-requests"},
		{"late", remoteProxy{Enabled: true, Toxics: state{kind: KindLate, delay: time.Second}.toxics()}, "late 1s"},
		{"hold", remoteProxy{Enabled: true, Toxics: state{kind: KindHold, way: Both}.toxics()}, "hold"},
		{"hold up", remoteProxy{Enabled: true, Toxics: state{kind: KindHold, way: Up}.toxics()}, "hold up"},
		{"hold down", remoteProxy{Enabled: true, Toxics: state{kind: KindHold, way: Down}.toxics()}, "hold down"},
		{"reset", remoteProxy{Enabled: true, Toxics: state{kind: KindReset}.toxics()}, "reset"},
		{"trickle", remoteProxy{Enabled: true, Toxics: state{kind: KindTrickle, way: Both, rate: 4}.toxics()}, "trickle 4KB/s"},
		{"truncate", remoteProxy{Enabled: true, Toxics: state{kind: KindTruncate, way: Down, bytes: 9}.toxics()}, "truncate after 9 bytes"},
		{"flap, whole", remoteProxy{Enabled: true, Toxics: state{kind: KindFlap, period: time.Second}.toxics()}, "flap 1s"},
		{"flap, cut", remoteProxy{Toxics: state{kind: KindFlap, period: time.Second}.toxics()}, "flap 1s"},
		{"two at once", remoteProxy{Enabled: true, Toxics: append(slow.toxics(), drop(Down))}, "unknown toxic: lat_down (latency downstream)"},
		{"a stranger's", remoteProxy{Enabled: true, Toxics: []toxic{odd}}, "unknown toxic: odd (slicer upstream)"},
		{"half the connections", remoteProxy{Enabled: true, Toxics: []toxic{half}}, "unknown toxic: lat_down (latency downstream)"},
		{"late by chance", remoteProxy{Enabled: true, Toxics: []toxic{latency(latUp, "upstream", time.Second, time.Second)}}, "unknown toxic: lat_up (latency upstream)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.state().String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOnlyItsOwnSymptomMakesAFaultBite(t *testing.T) {
	ms := func(n int) Duration { return Duration(time.Duration(n) * time.Millisecond) }
	felt := map[string]Symptom{
		"prompt": {Kind: Answered, RTT: ms(1), Bytes: 100}, "late": {Kind: Answered, RTT: ms(60), Bytes: 100},
		"refused": {Kind: Refused}, "silent": {Kind: Silent}, "eof": {Kind: EOF}, "reset": {Kind: WasReset}, "obeyed": {Kind: Obeyed},
		"garbled": {Kind: Garbled}, "broken": {Kind: Broken, Bytes: 9}, "broken early": {Kind: Broken, Bytes: 8}, "flapping": {Kind: Flapping},
	}
	bites := map[string][]string{
		"cut": {"refused", "eof", "reset"}, "hang": {"silent"}, "hold": {"silent"}, "lose-requests": {"silent"}, "lose-replies": {"obeyed"},
		"slow 50ms": {"late"}, "late 50ms": {"late"}, "reset": {"reset"}, "trickle 4KB/s": {"late"}, "truncate after 9 bytes": {"broken"},
		"truncate after 200 bytes": {"prompt", "late"}, "truncate after 200 bytes up": {"prompt", "late", "broken", "broken early", "eof", "reset"},
		"flap 1s": {"flapping"},
	}
	link := topology.Link{From: "x", To: "redis"}
	i := &Injector{links: topology.Map{Services: []topology.Service{{Name: "redis", Protocol: topology.Redis}}, Links: []topology.Link{link}}}
	for _, f := range []Fault{
		Cut("x"), Hang("x"), Hold("x"), LoseRequests("x"), LoseReplies("x"), Slow(50*time.Millisecond, 0, "x"), Late(50*time.Millisecond, "x"), Reset("x"),
		Trickle(4, "x"), Truncate(9, "x"), Truncate(200, "x"), Truncate(200, "x").Only(Up), Flap(time.Second, "x"),
	} {
		for name, s := range felt {
			bit, want := i.doubt(f, link, s) == "", slices.Contains(bites[f.state("").String()], name)
			if bit != want {
				t.Errorf("%s and %s: bit %v, want %v", f, name, bit, want)
			}
		}
	}
}

func TestSummaryGroupsTheLinks(t *testing.T) {
	links := []topology.Link{{From: "a", To: "r"}, {From: "b", To: "r"}, {From: "c", To: "r"}}
	at := func(ms int) Symptom {
		return Symptom{Kind: Answered, RTT: Duration(time.Duration(ms) * time.Millisecond)}
	}
	got := felt(links, []Symptom{at(30), {Kind: Refused}, at(20)})
	if want := "a_r, c_r: answered in 20ms to 30ms; b_r: refused"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAnEndIsNoResetWhereNothingStandsBetween: what may be an end behind a published
// port has to be a reset where the probe calls the proxy itself.
func TestAnEndIsNoResetWhereNothingStandsBetween(t *testing.T) {
	l := topology.Link{From: "one", To: "redis"}
	m := topology.Map{Services: []topology.Service{{Name: "one"}, {Name: "redis", Protocol: topology.Redis}}, Links: []topology.Link{l}}
	for listen, forwarded := range map[string]bool{
		"127.0.0.1:21044": false, "127.0.0.1:6000": true, "0.0.0.0:21044": true, "[::]:21044": true, ":21044": true, "": false,
	} {
		plan := Plan([]topology.ProxyConfig{{Name: l.Name(), Listen: listen}})
		i := New("http://127.0.0.1:1", m, func(topology.Link) string { return "127.0.0.1:21044" }, plan)
		for kind, fits := range map[SymptomKind]bool{WasReset: true, EOF: forwarded, Answered: false, Silent: false} {
			if doubt := i.doubt(Reset(l.Name()), l, Symptom{Kind: kind}); (doubt == "") != fits {
				t.Errorf("listens on %q, felt %s: %q", listen, kind, doubt)
			}
		}
		if i.doubt(Hang(l.Name()), l, Symptom{Kind: EOF}) == "" {
			t.Errorf("listens on %q: an end is taken for a hang", listen)
		}
	}
}
