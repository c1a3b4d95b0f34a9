package invariant

import (
	"slices"
	"sort"

	"eventflow/scenarios/history"
)

// noLoss: every accepted purchase has a row with a final status. "Accepted" is
// the shop's word for "it will happen, whatever fails now".
func noLoss(v *view) []Finding {
	var c cases
	accepted := 0
	for _, id := range v.order {
		p := v.intents[id]
		if p.ok == 0 {
			continue
		}
		accepted++
		if !v.hasStatus(id, confirmed) && !v.hasStatus(id, rejected) {
			c.add("%s, seats %s: accepted by %s, and the ledger has no final row (status %q)", id, seats(p.seats), told(p.accepted), v.status(id))
		}
	}
	return c.finding(NoLoss, "lost purchases", "accepted purchases", accepted)
}

// exactlyOnce: a purchase has one row, a confirmed one has one ticket and a
// rejected one has none. Tickets are rows that settling writes without a unique
// key, so that settling twice shows.
func exactlyOnce(v *view) []Finding {
	var c cases
	for _, id := range v.known {
		n, tickets := len(v.rows[id]), v.ledger.Effects[id]
		want := 0
		if v.hasStatus(id, confirmed) {
			want = 1
		}
		switch {
		case n > 1:
			c.add("%s has %d rows", id, n)
		case tickets > want:
			c.add("%s (%s) has %d tickets, %d expected", id, v.statusOrNone(id), tickets, want)
		case tickets < want && v.final:
			// Only a finished ledger is one snapshot of a quiet store.
			c.add("%s is confirmed and has no ticket", id)
		}
	}
	return c.finding(ExactlyOnce, "purchases settled not exactly once", "transactions in the ledger", len(v.known))
}

func (v *view) statusOrNone(id string) string {
	if s := v.status(id); s != "" {
		return s
	}
	return "no row"
}

// transactions is every transaction that the ledger knows, by row or by ticket,
// sorted.
func (v *view) transactions() []string {
	ids := make([]string, 0, len(v.rows))
	for id := range v.rows {
		ids = append(ids, id)
	}
	for id := range v.ledger.Effects {
		if _, ok := v.rows[id]; !ok {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids
}

// noPhantom: the ledger holds only what a buyer asked for and was not refused. A
// refusal says "it did not happen and never will"; a row proves it a lie. A
// purchase with one unknown op among refusals may be there.
func noPhantom(v *view) []Finding {
	var c cases
	for i := range v.ledger.Purchases {
		row := &v.ledger.Purchases[i]
		p := v.intents[row.Transaction]
		switch {
		case p == nil:
			c.add("%s (%s, seats %s): nobody asked for it", row.Transaction, row.Status, seats(row.Seats))
		case p.ok+p.unknown == 0:
			c.add("%s (%s, seats %s): refused by %s, and it is in the ledger", row.Transaction, row.Status, seats(row.Seats), told(p.first))
		case len(p.seats) > 0 && !sameSeats(p.seats, row.Seats):
			c.add("%s: seats %s were asked for, the ledger has %s", row.Transaction, seats(p.seats), seats(row.Seats))
		case p.first.Event != 0 && row.Event != p.first.Event:
			c.add("%s: bought for sale %d, the ledger has sale %d", row.Transaction, p.first.Event, row.Event)
		}
	}
	return c.finding(NoPhantom, "rows that should not be", "ledger rows", len(v.ledger.Purchases))
}

func sameSeats(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// statusTruth: when a buyer was told that a purchase is confirmed or rejected,
// the ledger says the same. Final means final.
func statusTruth(v *view) []Finding {
	var c cases
	final := map[string]string{"confirmed": confirmed, "rejected": rejected}
	n := 0
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		want, ok := final[o.State]
		if o.Kind != history.Status || o.Outcome != history.OK || !ok || o.Transaction == "" {
			continue
		}
		n++
		if !v.hasStatus(o.Transaction, want) {
			c.add("%s: told %s by %s, the ledger says %s", o.Transaction, o.State, told(o), v.statusOrNone(o.Transaction))
		}
	}
	return c.finding(StatusTruth, "final statuses that the ledger denies", "final statuses told", n)
}

// keepsContract: a "yes" says what the contract says: the transaction that goes
// with the lock, the seats that were asked for. Buyers note a contradiction as the
// error of an op that was otherwise granted.
func keepsContract(v *view) []Finding {
	var c cases
	n := 0
	for i := range v.h.Ops {
		if o := &v.h.Ops[i]; o.Outcome == history.OK {
			if n++; o.Error != "" {
				c.add("%s: %s", told(o), o.Error)
			}
		}
	}
	return c.finding(Contract, "answers that contradict the contract", "granted ops", n)
}

// queueAccounted: after the drain nothing is under way. A message that is left is
// a purchase that is neither lost nor done, and a stuck seat is one that nobody
// can buy any more.
func queueAccounted(v *view) []Finding {
	var c cases
	l := v.ledger
	if l.Ready != 0 {
		c.add("%d messages are left in the queue", l.Ready)
	}
	if l.Unacked != 0 {
		c.add("%d messages are delivered and not acknowledged", l.Unacked)
	}
	if l.DeadLetter != v.spec.DeadLetters {
		c.add("%d dead letters, %d expected", l.DeadLetter, v.spec.DeadLetters)
	}
	for _, id := range l.DeadID {
		if p := v.intents[id]; p != nil && p.ok > 0 {
			c.add("%s, accepted by %s, is among the dead letters", id, told(p.accepted))
		}
	}
	for _, s := range l.Stuck {
		c.add("seat %s is held by a purchase that has ended", s)
	}
	return c.finding(QueueAccounted, "left-overs", "queues and seat stores", 3)
}
