package invariant

import (
	"cmp"
	"slices"
)

// noDoubleSale: a seat belongs to at most one confirmed purchase. It is computed
// from the purchases' own lists of seats: the table of sold seats has a unique
// key, which would hide the very thing. The two must also agree, seat by seat.
func noDoubleSale(v *view) []Finding {
	var c cases
	owner := v.owner
	order := sortedSeats(owner)
	for _, s := range order {
		if ids := owner[s]; len(ids) > 1 {
			c.add("seat %s is in the confirmed purchases %s", s, seats(ids))
		}
	}
	v.compareSold(owner, order, &c)
	looks := v.probes(&c)
	f := c.finding(NoDoubleSale, "seats sold wrongly", "seats sold", len(owner))
	f[0].Counts["probes"] = int64(looks)
	return f
}

// owners is, for each seat, the different confirmed purchases that list it.
func (v *view) owners() map[seat][]string {
	owner := make(map[seat][]string)
	for i := range v.ledger.Purchases {
		row := &v.ledger.Purchases[i]
		if row.Status != confirmed {
			continue
		}
		for _, name := range row.Seats {
			s := seat{row.Event, name}
			if !contains(owner[s], row.Transaction) {
				owner[s] = append(owner[s], row.Transaction)
			}
		}
	}
	return owner
}

func (v *view) compareSold(owner map[seat][]string, order []seat, c *cases) {
	sold := make(map[seat]string, len(v.ledger.Sold))
	for _, s := range v.ledger.Sold {
		at := seat{s.Event, s.Seat}
		if other, twice := sold[at]; twice {
			c.add("seat %s is marked sold twice, to %s and to %s", at, other, s.Transaction)
		}
		sold[at] = s.Transaction
		if !contains(owner[at], s.Transaction) {
			c.add("seat %s is marked sold to %s, whose confirmed purchase does not list it", at, s.Transaction)
		}
	}
	for _, s := range order {
		if _, ok := sold[s]; !ok {
			c.add("seat %s is in the confirmed purchase %s and not marked sold", s, owner[s][0])
		}
	}
}

func sortedSeats[T any](m map[seat]T) []seat {
	list := make([]seat, 0, len(m))
	for s := range m {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b seat) int {
		return cmp.Or(cmp.Compare(a.event, b.event), cmp.Compare(a.name, b.name))
	})
	return list
}

// acceptConflict: who was told "accepted" keeps the seats. While locks survive,
// the lock was the buyer's when the purchase was accepted and stays so until it is
// settled, so no rejection can follow: neither in favour of another accepted
// purchase nor of one whose outcome its buyer does not know, because a lock must
// not be given away while a purchase with it may still land.
func acceptConflict(v *view) []Finding {
	var c cases
	accepted := 0
	owner := v.owner
	for _, id := range v.order {
		p := v.intents[id]
		if p.ok == 0 {
			continue
		}
		accepted++
		if v.hasStatus(id, rejected) && !v.spec.AcceptedMayLose {
			row := v.ledger.Purchases[v.rows[id][0]]
			c.add("%s, seats %s: accepted by %s, then rejected (%s) in favour of %s", id, seats(row.Seats), told(p.accepted), row.Reason, v.winners(owner, id))
		}
	}
	return c.finding(AcceptConflict, "accepted purchases rejected later", "accepted purchases", accepted)
}

// winners names the purchases that got the seats of a rejected one.
func (v *view) winners(owner map[seat][]string, id string) string {
	row := v.ledger.Purchases[v.rows[id][0]]
	var list []string
	for _, name := range row.Seats {
		for _, w := range owner[seat{row.Event, name}] {
			if w != id && !contains(list, w) {
				list = append(list, w)
			}
		}
	}
	if len(list) == 0 {
		return "nobody"
	}
	return seats(list)
}

// rejectWitness: a purchase is rejected for one reason alone, and the ledger
// holds the proof: another, confirmed purchase has one of its seats.
func rejectWitness(v *view) []Finding {
	var c cases
	owner := v.owner
	n := 0
	for i := range v.ledger.Purchases {
		row := &v.ledger.Purchases[i]
		if row.Status != rejected {
			continue
		}
		n++
		switch {
		case row.Reason != "seat_taken":
			c.add("%s is rejected for %q, which is no reason that EventFlow knows", row.Transaction, row.Reason)
		case v.winners(owner, row.Transaction) == "nobody":
			c.add("%s is rejected because a seat of %s is taken, and nobody has one", row.Transaction, seats(row.Seats))
		}
	}
	return c.finding(RejectWitness, "rejections without a winner", "rejected purchases", n)
}
