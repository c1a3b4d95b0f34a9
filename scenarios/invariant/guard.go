package invariant

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"eventflow/scenarios/history"
)

// authSafety: forged credentials open nothing. A refusal must be the door's own:
// "the seat is taken" or "the hold is over" says that the door was passed. Who
// gets no answer, or is turned away because the shop is busy, has not got in.
func authSafety(v *view) []Finding {
	var c cases
	n, doors := 0, map[string]bool{}
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind != history.Forge {
			continue
		}
		n++
		doors[o.Forgery] = true
		if o.Outcome == history.OK || o.Code >= 200 && o.Code < 300 || o.Code == 409 || o.Code == 410 {
			c.add("%s: got in with %q", told(o), o.Forgery)
		}
	}
	if n == 0 {
		return v.unexamined(AuthSafety, "nobody tried forged credentials")
	}
	f := c.finding(AuthSafety, "forgeries that were honoured", "forgeries of "+fmt.Sprint(len(doors))+" kinds", n)
	return f
}

// noBypass: a program that reaches a store round the proxies does not feel faults,
// and a drill on it proves nothing: that is the stack's defect, not EventFlow's.
func noBypass(v *view) []Finding {
	peers := v.ledger.Peers
	if peers == nil {
		return v.unexamined(NoBypass, "nobody looked at the stores' connections")
	}
	var c cases
	for _, p := range peers {
		if !p.Proxied {
			c.add("%s: %s at %s is connected directly", p.Store, p.Client, p.Addr)
		}
	}
	f := c.finding(NoBypass, "connections round the proxies", "connections to stores", len(peers))
	if c.n > 0 {
		f[0].Verdict = Invalid
	}
	return f
}

// What may be left after a drill: half as much again as the most that there was
// before the first fault, and a hundred more. The research's ten percent is too tight
// for a shop at rest: pools keep what they opened under load, every peer that
// reconnected leaves an idle connection until it times out, and small counts
// waver by more than a tenth: a sound node was seen with 85 files after a storm of
// retries, and 29 before. A leak per request of a drill's thousands is far above.
const (
	leakFactor = 1.5
	leakFloor  = 100
)

// The series that tell of what programs keep.
const (
	GoroutinesOf  = "goroutines:"
	FilesOf       = "fds:"
	ConnectionsOf = "connections:"
)

// noLeak: no program died of a panic or has a data race, and none keeps what it
// took during the fault.
func noLeak(v *view) []Finding {
	var c cases
	for _, line := range v.ledger.Died {
		c.add("log: %s", line)
	}
	looked := 0
	before := v.before()
	for _, name := range slices.Sorted(maps.Keys(v.ledger.After)) {
		most, ok := before[name]
		if !ok {
			continue
		}
		looked++
		if after := v.ledger.After[name]; after > leakFactor*most+leakFloor {
			c.add("%s: %v after the drain, at most %v before the first fault", name, after, most)
		}
	}
	if looked == 0 && c.n == 0 {
		return v.unexamined(NoLeak, "nobody counted before and after")
	}
	return c.finding(NoLeak, "leaks and crashes", "figures compared", looked)
}

// before is the highest value of each such series before the first fault; without
// faults, of all.
func (v *view) before() map[string]float64 {
	began := forever
	for _, f := range v.h.Faults {
		began = min(began, f.Start)
	}
	most := map[string]float64{}
	for _, s := range v.h.Samples {
		if s.At >= began {
			break
		}
		for name, x := range s.Values {
			if strings.HasPrefix(name, GoroutinesOf) || strings.HasPrefix(name, FilesOf) || strings.HasPrefix(name, ConnectionsOf) {
				most[name] = max(most[name], x)
			}
		}
	}
	return most
}
