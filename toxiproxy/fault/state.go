package fault

import (
	"fmt"
	"slices"
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
// link whose client hung up holds the stock proxy's lock for 5 s per chunk in its
// buffer; 35 s were measured. The others come and go.
const (
	latUp   = "lat_up"
	latDown = "lat_down"

	dropped   = "drop"
	held      = "hold"
	rated     = "rate"
	limited   = "limit"
	resetting = "reset"
	flapping  = "flap_" // and the period: a toxic that does nothing, for whoever asks what is going on
)

// named is the toxic's name for one direction: "drop_up".
func named(what string, way Direction) string { return what + "_" + string(way) }

// state is what a link is in, or is to be in.
type state struct {
	kind          Kind
	way           Direction
	delay, jitter time.Duration
	rate          Rate
	bytes         int64
	period        time.Duration
	lease         string // in whose name, "" for nobody's
	detail        string // foreign: which toxic
}

// String is the state as people say it: "none", "cut", "slow 3s±1s", "hold up".
func (s state) String() string {
	switch {
	case s.kind == whole:
		return "none"
	case s.kind == foreign:
		return "unknown toxic: " + s.detail
	}
	words := []string{string(s.kind)}
	if much := s.howMuch(); much != "" {
		words = append(words, much)
	}
	if t, _ := s.kind.takes(); len(t.ways) > 0 && s.way != t.ways[0] {
		words = append(words, string(s.way))
	}
	return strings.Join(words, " ")
}

func (s state) howMuch() string {
	switch {
	case s.kind == KindSlow && s.jitter > 0:
		return fmt.Sprintf("%s±%s", s.delay, s.jitter)
	case s.kind == KindSlow, s.kind == KindLate:
		return s.delay.String()
	case s.kind == KindTrickle:
		return s.rate.String()
	case s.kind == KindTruncate:
		return fmt.Sprintf("after %d bytes", s.bytes)
	case s.kind == KindFlap:
		return s.period.String()
	}
	return ""
}

func (s state) enabled() bool { return s.kind != KindCut }

// toxics are all the toxics of a link in this state, in the order in which they
// are to be put there: requests stop before answers do, or a request could be
// obeyed in between.
func (s state) toxics() []toxic {
	out := []toxic{latency(latUp, "upstream", 0, 0), latency(latDown, "downstream", 0, 0)}
	switch s.kind {
	case KindSlow:
		out[1] = latency(latDown, "downstream", s.delay, s.jitter)
	case KindLate:
		out[0] = latency(latUp, "upstream", s.delay, 0)
	case KindHang:
		return append(out, drop(Up), drop(Down))
	case KindLoseRequests:
		return append(out, drop(Up))
	case KindLoseReplies:
		return append(out, drop(Down))
	case KindHold:
		return append(out, s.each(func(way Direction) toxic { return plain(held, "hold", way, nil) })...)
	case KindTrickle:
		return append(out, s.each(func(way Direction) toxic { return plain(rated, "bandwidth", way, attributes{"rate": float64(s.rate)}) })...)
	case KindTruncate:
		return append(out, s.each(func(way Direction) toxic {
			return plain(limited, "limit_data", way, attributes{"bytes": float64(s.bytes)})
		})...)
	case KindReset:
		return append(out, plain(resetting, "reset", Down, nil))
	case KindFlap:
		return append(out, toxic{Name: flapping + s.period.String(), Type: "noop", Stream: "upstream", Toxicity: 1, Attributes: attributes{}})
	}
	return out
}

// each is a toxic per direction that the state is on.
func (s state) each(make func(Direction) toxic) []toxic {
	var out []toxic
	for _, way := range []Direction{Up, Down} {
		if s.way.has(way) {
			out = append(out, make(way))
		}
	}
	return out
}

// holder is in whose name the toxic is to be put there. Those that do nothing are
// the link's own, and stay when a lease ends.
func (s state) holder(t toxic) string {
	if t.idle() {
		return ""
	}
	return s.lease
}

// is says whether the proxy is in this state and in nothing besides, whoever put
// it there.
func (p remoteProxy) is(want state) bool {
	// A link that flaps is enabled half of the time.
	rightEnabled := want.kind == KindFlap || p.Enabled == want.enabled()
	if p.astray || !rightEnabled || len(p.Toxics) != len(want.toxics()) {
		return false
	}
	for _, t := range want.toxics() {
		if !p.has(t) {
			return false
		}
	}
	return true
}

// heldBy says whether the proxy is in the state in the right name, so that it ends
// when its lease does, and not before.
func (p remoteProxy) heldBy(want state) bool {
	for _, t := range want.toxics() {
		if found, _ := p.toxic(t.Name); found.Lease != want.holder(t) {
			return false
		}
	}
	switch {
	case want.kind != KindCut:
		return true
	case want.lease == "":
		return len(p.DownBy) == 0
	}
	return slices.Contains(p.DownBy, want.lease)
}

// state recognises the fault in force. A proxy without our latency toxics is
// whole as far as its client can tell.
func (p remoteProxy) state() state {
	s := p.guess()
	if s.kind == KindCut {
		return s
	}
	if odd := p.beside(s); odd != "" {
		return state{kind: foreign, detail: odd}
	}
	return s
}

// guess is the state that the most telling toxic speaks of.
func (p remoteProxy) guess() state {
	if s, ok := p.marked(); ok {
		return s
	}
	if !p.Enabled {
		return state{kind: KindCut, lease: p.downBy()}
	}
	for _, of := range []struct {
		kind Kind
		what string
	}{{KindHold, held}, {KindTruncate, limited}, {KindTrickle, rated}} {
		if s, ok := p.onWays(of.kind, of.what); ok {
			return s
		}
	}
	if t, ok := p.toxic(named(resetting, Down)); ok {
		return state{kind: KindReset, lease: t.Lease}
	}
	if s, ok := p.onWays(KindHang, dropped); ok {
		kind := map[Direction]Kind{Both: KindHang, Up: KindLoseRequests, Down: KindLoseReplies}[s.way]
		return state{kind: kind, lease: s.lease}
	}
	return p.slowness()
}

// onWays is the state of a kind whose toxics are on one direction or both.
func (p remoteProxy) onWays(kind Kind, what string) (state, bool) {
	up, isUp := p.toxic(named(what, Up))
	down, isDown := p.toxic(named(what, Down))
	s, t := state{kind: kind, way: Both}, up
	switch {
	case !isUp && !isDown:
		return s, false
	case !isDown:
		s.way = Up
	case !isUp:
		s.way, t = Down, down
	}
	s.lease, s.rate, s.bytes = t.Lease, Rate(t.number("rate")), int64(t.number("bytes"))
	return s, true
}

// marked is a flap, which says its period in the name of a toxic.
func (p remoteProxy) marked() (state, bool) {
	for _, t := range p.Toxics {
		period, ours := strings.CutPrefix(t.Name, flapping)
		if d, err := time.ParseDuration(period); ours && err == nil {
			return state{kind: KindFlap, period: d, lease: t.Lease}, true
		}
	}
	return state{}, false
}

func (p remoteProxy) slowness() state {
	if t, ok := p.toxic(latUp); ok && !t.idle() {
		return state{kind: KindLate, delay: t.ms("latency"), lease: t.Lease}
	}
	if t, ok := p.toxic(latDown); ok && !t.idle() {
		return state{kind: KindSlow, delay: t.ms("latency"), jitter: t.ms("jitter"), lease: t.Lease}
	}
	return state{kind: whole}
}

func (p remoteProxy) downBy() string {
	if len(p.DownBy) == 0 {
		return ""
	}
	return p.DownBy[0]
}

// beside names what somebody else put there, or changed.
func (p remoteProxy) beside(s state) string {
	wanted := remoteProxy{Toxics: s.toxics()}
	var odd []string
	for _, t := range p.Toxics {
		if !wanted.has(t) {
			odd = append(odd, fmt.Sprintf("%s (%s %s)", t.Name, t.Type, t.Stream))
		}
	}
	return strings.Join(odd, ", ")
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
