package invariant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"eventflow/scenarios/history"
)

// Statuses of a ledger row.
const (
	confirmed = "CONFIRMED"
	rejected  = "REJECTED"
)

// seat is one seat of one sale.
type seat struct {
	event int
	name  string
}

func (s seat) String() string { return fmt.Sprintf("%d/%s", s.event, s.name) }

// intent is one purchase as the buyers saw it: all ops with its transaction.
type intent struct {
	id          string
	ok, unknown int
	first       *history.Op // the first op
	accepted    *history.Op // the first that was accepted
	seats       []string    // as asked for, if any op says
	lockID      string
}

// view is a history with the indexes that the checks share. It is built once and
// then only read.
type view struct {
	h       *history.History
	spec    Spec
	final   bool               // links healed, stores drained and read
	intents map[string]*intent // by transaction
	order   []string           // transactions in order of their first op
	rows    map[string][]int   // transaction -> places in the ledger
	known   []string           // transactions of the ledger, sorted
	ledger  history.Ledger     // empty if there is none
	owner   map[seat][]string  // confirmed purchases that list the seat
	locks   *lockBook          // what became of locks
	phases  []string           // op -> name of its phase
}

func newView(h *history.History, spec Spec, final bool) *view {
	v := &view{h: h, spec: spec, final: final, intents: map[string]*intent{}, rows: map[string][]int{}}
	if h.Ledger != nil {
		v.ledger = *h.Ledger
	}
	for i, r := range v.ledger.Purchases {
		v.rows[r.Transaction] = append(v.rows[r.Transaction], i)
	}
	v.known = v.transactions()
	v.phases = make([]string, len(h.Ops))
	for i := range h.Ops {
		v.phases[i] = h.PhaseAt(h.Ops[i].Call)
		if h.Ops[i].Kind == history.Purchase {
			v.purchase(&h.Ops[i])
		}
	}
	v.owner = v.owners()
	v.locks = newLockBook(v)
	return v
}

func (v *view) purchase(o *history.Op) {
	p := v.intents[o.Transaction]
	if p == nil {
		p = &intent{id: o.Transaction, first: o, lockID: o.LockID}
		v.intents[o.Transaction] = p
		v.order = append(v.order, o.Transaction)
	}
	if len(p.seats) == 0 {
		p.seats = o.Seats
	}
	switch o.Known() {
	case history.OK:
		if p.ok++; p.ok == 1 {
			p.accepted = o
		}
	case history.Unknown:
		p.unknown++
	}
}

// status is what the ledger says of a transaction; "" if it has no row.
func (v *view) status(transaction string) string {
	rows := v.rows[transaction]
	if len(rows) == 0 {
		return ""
	}
	return v.ledger.Purchases[rows[0]].Status
}

// hasStatus says whether some row of the transaction has the status.
func (v *view) hasStatus(transaction, status string) bool {
	for _, i := range v.rows[transaction] {
		if v.ledger.Purchases[i].Status == status {
			return true
		}
	}
	return false
}

// at writes an offset as people read it in a report.
func at(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

// told describes an op as evidence.
func told(o *history.Op) string {
	answer := fmt.Sprintf("%s (%d", o.Known(), o.Code)
	for _, s := range []string{o.Problem, o.Node} {
		if s != "" {
			answer += " " + s
		}
	}
	return fmt.Sprintf("op %d %s at %s: %s)", o.ID, o.Kind, at(o.Call), answer)
}

func itoa(id int64) string { return strconv.FormatInt(id, 10) }

func seats(names []string) string { return strings.Join(names, " ") }

// distinct calls f once for each different name.
func distinct(names []string, f func(string)) {
	for i, n := range names {
		if !contains(names[:i], n) {
			f(n)
		}
	}
}

func contains(names []string, name string) bool { return slices.Contains(names, name) }
