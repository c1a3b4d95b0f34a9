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
	last        time.Duration // to the last failure; zero: none
	lastOp      *history.Op
	watched     time.Duration // to the last answer
}

func (v *view) comeback(kind history.Kind, healed time.Duration) comeback {
	c := comeback{first: -1}
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		if o.Kind != kind || o.Call < healed {
			continue
		}
		c.ops++
		since := o.Return - healed
		c.watched = max(c.watched, since)
		if o.Outcome == history.OK && (c.first < 0 || since < c.first) {
			c.first = since
		}
		if !o.Served() {
			c.failed++
			if since > c.last {
				c.last, c.lastOp = since, o
			}
		}
	}
	return c
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
	return f
}

// against compares with the bound. Failing to the end is broken only if the end
// came later than the bound; otherwise nobody waited long enough.
func (c comeback) against(b RecoveryBound) (Verdict, string) {
	switch {
	case c.ops < b.MinOps:
		return Invalid, fmt.Sprintf("only %d ops after the heal, at least %d are needed to say anything", c.ops, b.MinOps)
	case b.First > 0 && c.first > b.First.D():
		return Broken, fmt.Sprintf("first success %s after the heal, %s promised", at(c.first), b.First)
	case b.First > 0 && c.first < 0 && c.watched > b.First.D():
		return Broken, fmt.Sprintf("no success in %s after the heal, %s promised", at(c.watched), b.First)
	case b.Last > 0 && c.last > b.Last.D():
		return Broken, fmt.Sprintf("still failing %s after the heal, %s promised", at(c.last), b.Last)
	case c.watched < max(b.First, b.Last).D():
		return Invalid, fmt.Sprintf("watched for %s after the heal, which is less than the bound of %s", at(c.watched), max(b.First, b.Last))
	case c.first < 0:
		return Invalid, "no success after the heal"
	}
	return Pass, fmt.Sprintf("first success %s and last failure %s after the heal (%d of %d ops failed)", at(c.first), at(c.last), c.failed, c.ops)
}
