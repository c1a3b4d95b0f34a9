package fault

import (
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
		{"drop upstream alone", remoteProxy{Enabled: true, Toxics: []toxic{drop(dropUp, "upstream")}}, "unknown toxic: drop_up (timeout upstream)"},
		{"a stranger's", remoteProxy{Enabled: true, Toxics: []toxic{odd}}, "unknown toxic: odd (slicer upstream)"},
		{"half the connections", remoteProxy{Enabled: true, Toxics: []toxic{half}}, "unknown toxic: lat_down (latency downstream)"},
		{"slow requests", remoteProxy{Enabled: true, Toxics: []toxic{latency(latUp, "upstream", time.Second, 0)}}, "unknown toxic: lat_up (latency upstream)"},
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
		"prompt": {Kind: Answered, RTT: ms(1)}, "late": {Kind: Answered, RTT: ms(60)},
		"refused": {Kind: Refused}, "silent": {Kind: Silent}, "eof": {Kind: EOF}, "obeyed": {Kind: Obeyed}, "garbled": {Kind: Garbled},
	}
	bites := map[string]map[string]bool{
		"cut": {"refused": true, "eof": true}, "hang": {"silent": true}, "lose-replies": {"obeyed": true}, "slow 50ms": {"late": true},
	}
	for _, f := range []Fault{Cut("x"), Hang("x"), LoseReplies("x"), Slow(50*time.Millisecond, 0, "x")} {
		for name, s := range felt {
			bit, want := f.doubt(s) == "", bites[f.state().String()][name]
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
