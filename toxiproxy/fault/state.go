package fault

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Kinds that a proxy can be found in and nobody can ask for.
const (
	whole   Kind = ""        // no fault
	missing Kind = "missing" // no such proxy on the server
	foreign Kind = "foreign" // toxics that are not ours, or not as we leave them
)

// The toxics of a link. The latency pair is there from the beginning and for
// ever: a fault and its heal change its numbers. Removing a latency toxic from a
// link whose client hung up holds the proxy's lock for 5 s per chunk in its
// buffer; 35 s were measured. The drop pair comes and goes, see mend.go.
const (
	latUp    = "lat_up"
	latDown  = "lat_down"
	dropUp   = "drop_up"
	dropDown = "drop_down"
)

// state is what a link is in, or is to be in.
type state struct {
	kind          Kind
	delay, jitter time.Duration
	detail        string // foreign: which toxic
}

// String is the state as people say it: "none", "cut", "slow 3s±1s".
func (s state) String() string {
	switch {
	case s.kind == whole:
		return "none"
	case s.kind == foreign:
		return "unknown toxic: " + s.detail
	case s.kind == KindSlow && s.jitter > 0:
		return fmt.Sprintf("slow %s±%s", s.delay, s.jitter)
	case s.kind == KindSlow:
		return fmt.Sprintf("slow %s", s.delay)
	}
	return string(s.kind)
}

func (s state) enabled() bool { return s.kind != KindCut }

// toxics are all the toxics of a link in this state, in the order in which they
// are to be put there: requests stop before answers do, or a request could be
// obeyed in between.
func (s state) toxics() []toxic {
	out := []toxic{latency(latUp, "upstream", 0, 0), latency(latDown, "downstream", s.delay, s.jitter)}
	if s.kind == KindHang {
		out = append(out, drop(dropUp, "upstream"))
	}
	if s.kind == KindHang || s.kind == KindLoseReplies {
		out = append(out, drop(dropDown, "downstream"))
	}
	return out
}

func latency(name, stream string, delay, jitter time.Duration) toxic {
	return toxic{Name: name, Type: "latency", Stream: stream, Toxicity: 1,
		Attributes: map[string]any{"latency": float64(delay.Milliseconds()), "jitter": float64(jitter.Milliseconds())}}
}

func drop(name, stream string) toxic {
	return toxic{Name: name, Type: "timeout", Stream: stream, Toxicity: 1, Attributes: map[string]any{"timeout": 0.0}}
}

// has says whether the proxy has exactly this toxic.
func (p remoteProxy) has(t toxic) bool {
	found, ok := p.toxic(t.Name)
	return ok && reflect.DeepEqual(found, t)
}

func (p remoteProxy) toxic(name string) (toxic, bool) {
	for _, t := range p.Toxics {
		if t.Name == name {
			return t, true
		}
	}
	return toxic{}, false
}

// is says whether the proxy is in this state and in nothing besides.
func (p remoteProxy) is(want state) bool {
	if p.astray || p.Enabled != want.enabled() || len(p.Toxics) != len(want.toxics()) {
		return false
	}
	for _, t := range want.toxics() {
		if !p.has(t) {
			return false
		}
	}
	return true
}

// state recognises the fault in force. A proxy without our latency toxics is
// whole as far as its client can tell.
func (p remoteProxy) state() state {
	if odd := p.foreignToxics(); odd != "" && p.Enabled {
		return state{kind: foreign, detail: odd}
	}
	if !p.Enabled {
		return state{kind: KindCut}
	}
	_, up := p.toxic(dropUp)
	_, down := p.toxic(dropDown)
	switch {
	case up && down:
		return state{kind: KindHang}
	case down:
		return state{kind: KindLoseReplies}
	}
	return p.slowness()
}

func (p remoteProxy) slowness() state {
	t, ok := p.toxic(latDown)
	if !ok || t.ms("latency") == 0 && t.ms("jitter") == 0 {
		return state{kind: whole}
	}
	return state{kind: KindSlow, delay: t.ms("latency"), jitter: t.ms("jitter")}
}

// ms is an attribute in milliseconds, 0 if there is none.
func (t toxic) ms(key string) time.Duration {
	n, _ := t.Attributes[key].(float64) // encoding/json's only kind of number
	return time.Duration(n) * time.Millisecond
}

// foreignToxics names what somebody else put there, or changed.
func (p remoteProxy) foreignToxics() string {
	var odd []string
	for _, t := range p.Toxics {
		if !p.ours(t) {
			odd = append(odd, fmt.Sprintf("%s (%s %s)", t.Name, t.Type, t.Stream))
		}
	}
	return strings.Join(odd, ", ")
}

func (p remoteProxy) ours(t toxic) bool {
	switch t.Name {
	case latUp:
		return reflect.DeepEqual(t, latency(latUp, "upstream", 0, 0))
	case latDown:
		return t.Type == "latency" && t.Stream == "downstream" && t.Toxicity == 1
	case dropUp: // alone it is nobody's fault that we know
		return reflect.DeepEqual(t, drop(dropUp, "upstream")) && p.has(drop(dropDown, "downstream"))
	case dropDown:
		return reflect.DeepEqual(t, drop(dropDown, "downstream"))
	}
	return false
}

// describe is the read-back as one line: what the server said, not what we asked.
func (p remoteProxy) describe() string {
	if !p.Enabled {
		return "enabled:false"
	}
	parts := []string{"enabled:true"}
	for _, t := range p.Toxics {
		parts = append(parts, t.describe())
	}
	return strings.Join(parts, " ")
}

func (t toxic) describe() string {
	switch {
	case t.Type != "latency":
		return t.Name + ":" + t.Type
	case t.ms("jitter") != 0:
		return fmt.Sprintf("%s:%s±%s", t.Name, t.ms("latency"), t.ms("jitter"))
	}
	return fmt.Sprintf("%s:%s", t.Name, t.ms("latency"))
}
