package invariant

import (
	"time"

	"eventflow/scenarios/history"
)

// finalWord is the first final answer about a purchase.
type finalWord struct {
	at    time.Duration
	state string
}

// terminalMonotone: whoever was told "confirmed" or "rejected" is told the same by
// every question asked later, and a purchase that was accepted is known to the
// shop from then on. Questions that were asked before the answer came may rightly
// be answered as before. While the lock store has lost its memory, a purchase that
// is still in the queue may be unknown to the shop.
func terminalMonotone(v *view) []Finding {
	var c cases
	first := v.finalWords()
	amnesia := v.firstAmnesia()
	n := 0
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind != history.Status || o.Transaction == "" || o.Open() {
			continue
		}
		n++
		if word, ok := first[o.Transaction]; ok && o.Outcome == history.OK && o.Call > word.at && o.State != word.state {
			c.add("%s: told %s until %s, then %q by %s", o.Transaction, word.state, at(word.at), o.State, told(o))
		}
		p := v.intents[o.Transaction]
		if o.Code == 404 && p != nil && p.ok > 0 && o.Call > p.accepted.Return && o.Call < amnesia {
			c.add("%s: accepted by %s, then unknown to the shop: %s", o.Transaction, told(p.accepted), told(o))
		}
	}
	return c.finding(TerminalMonotone, "answers that take a final word back", "questions after purchases", n)
}

func (v *view) finalWords() map[string]finalWord {
	first := map[string]finalWord{}
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind != history.Status || o.Outcome != history.OK || o.State != "confirmed" && o.State != "rejected" {
			continue
		}
		if word, ok := first[o.Transaction]; !ok || o.Return < word.at {
			first[o.Transaction] = finalWord{o.Return, o.State}
		}
	}
	return first
}
