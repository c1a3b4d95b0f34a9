package invariant

import (
	"fmt"
	"time"

	"eventflow/scenarios/history"
)

// recovery judges how soon service is back. Both ends count: the first success
// shows that something works again, the last failure that everything does.
func recovery(v *view) []Finding {
	var fs []Finding
	for _, b := range v.spec.Recovery {
		fs = append(fs, v.recovers(b))
	}
	return fs
}

// comeback is how ops of one kind fared after the last heal. Times count from it.
type comeback struct {
	ops, failed int
	first       time.Duration // to the first success; negative: none
	asked       time.Duration // to the call of that op
	denied      time.Duration // to the last failure before it; zero: none
	last        time.Duration // to the last failure of all; zero: none
	lastOp      *history.Op
	watched     time.Duration // to the last answer
}

func (v *view) comeback(kind history.Kind, healed time.Duration) comeback {
	c := comeback{first: -1}
	var after []*history.Op
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind != kind || o.Call < healed {
			continue
		}
		after = append(after, o)
		since := o.Return - healed
		c.watched = max(c.watched, since)
		if o.Outcome == history.OK && (c.first < 0 || since < c.first) {
			c.first, c.asked = since, o.Call-healed
		}
	}
	c.ops = len(after)
	for _, o := range after {
		if !o.Served() {
			c.fail(o, o.Return-healed)
		}
	}
	return c
}

func (c *comeback) fail(o *history.Op, since time.Duration) {
	c.failed++
	if since > c.last {
		c.last, c.lastOp = since, o
	}
	if c.first < 0 || since < c.first {
		c.denied = max(c.denied, since)
	}
}

// late says whether the first success came too late, and not only the first
// question: somebody was still denied after the bound, or asked before it and
// waited beyond it.
func (c comeback) late(bound time.Duration) bool {
	return c.denied > bound || c.first > bound && c.asked <= bound
}

func (v *view) recovers(b RecoveryBound) Finding {
	f := Finding{Invariant: Recovery, Phase: history.Recover, Verdict: Invalid}
	healed, ok := v.h.Healed()
	if !ok {
		f.Detail = fmt.Sprintf("%s: no fault was healed, so nothing recovered", b.Kind)
		return f
	}
	c := v.comeback(b.Kind, healed)
	f.Counts = map[string]int64{
		"ops": int64(c.ops), "failed": int64(c.failed), "first_ms": c.first.Milliseconds(), "last_ms": c.last.Milliseconds(),
	}
	f.Verdict, f.Detail = c.against(b)
	f.Detail = fmt.Sprintf("%s: %s", b.Kind, f.Detail)
	if f.Verdict == Broken && c.lastOp != nil {
		f.Evidence = []string{"last failure: " + told(c.lastOp)}
	}
	return v.blameless(f, healed, v.h.End())
}

// against compares with the bound. Where nobody asked, or nobody watched for as
// long as the bound, nothing is known: that is invalid and not broken.
func (c comeback) against(b RecoveryBound) (Verdict, string) {
	first, last := b.First.D(), b.Last.D()
	switch {
	case c.ops < b.MinOps:
		return Invalid, fmt.Sprintf("only %d ops after the heal, at least %d are needed to say anything", c.ops, b.MinOps)
	case first > 0 && c.late(first):
		return Broken, c.firstSuccess() + fmt.Sprintf(", %s promised", b.First)
	case last > 0 && c.last > last:
		return Broken, fmt.Sprintf("still failing %s after the heal, %s promised", at(c.last), b.Last)
	case c.first < 0:
		return Invalid, fmt.Sprintf("no success among %d ops after the heal, and nobody asked for as long as %s", c.ops, max(b.First, b.Last))
	case first > 0 && c.first > first:
		return Invalid, fmt.Sprintf("the first success was asked for %s after the heal; nobody asked within the bound of %s", at(c.asked), b.First)
	case c.watched < last:
		return Invalid, fmt.Sprintf("watched for %s after the heal, which is less than the bound of %s", at(c.watched), b.Last)
	}
	return Pass, fmt.Sprintf("%s, last failure %s (%d of %d ops failed)", c.firstSuccess(), at(c.last), c.failed, c.ops)
}

func (c comeback) firstSuccess() string {
	if c.first < 0 {
		return fmt.Sprintf("no success in %s after the heal", at(c.watched))
	}
	return fmt.Sprintf("first success %s after the heal", at(c.first))
}
