package invariant

import (
	"eventflow/scenarios/history"
)

// The sample series in which the auditor counts seats sold wrongly at one moment:
// listed by more than one confirmed purchase, or sold only in part.
const (
	DoubleSold = "double_sold"
	HalfSold   = "half_sold"
)

// probes looks at every moment at which the auditor looked: two sales of one seat
// are two sales even if one was taken back before the end.
func (v *view) probes(c *cases) (looked int) {
	last := history.Sample{At: v.ledger.At, Values: v.ledger.After}
	for _, s := range append(v.h.Samples[:len(v.h.Samples):len(v.h.Samples)], last) {
		for _, series := range []string{DoubleSold, HalfSold} {
			n, ok := s.Values[series]
			if !ok {
				continue
			}
			if looked++; n > 0 {
				c.add("at %s the auditor saw %s = %v", at(s.At), series, n)
			}
		}
	}
	return looked
}

// conservation: the hall has as many seats as ever, those sold are those that the
// ledger confirms, and each purchase costs the price of its seats. A ledger
// without the hall cannot be checked.
func conservation(v *view) []Finding {
	hall := v.ledger.Hall
	if hall == nil {
		return v.unexamined(Conservation, "nobody counted the hall after the drain")
	}
	var c cases
	if sum := hall.Free + hall.Held + hall.Purchasing + hall.Sold; sum != hall.Seats {
		c.add("%d free, %d held, %d being bought and %d sold make %d, and the hall has %d seats", hall.Free, hall.Held, hall.Purchasing, hall.Sold, sum, hall.Seats)
	}
	sold, rows := 0, 0
	for i := range v.ledger.Purchases {
		row := &v.ledger.Purchases[i]
		if row.Event != v.h.Meta.Event {
			continue
		}
		rows++
		if row.Status == confirmed {
			sold += len(row.Seats)
		}
		price(row, hall, &c)
	}
	if sold != hall.Sold {
		c.add("the hall shows %d seats sold, the confirmed purchases list %d", hall.Sold, sold)
	}
	return c.finding(Conservation, "sums that do not add up", "purchases against the hall", rows)
}

func price(row *history.PurchaseRow, hall *history.Hall, c *cases) {
	if want := hall.PriceCents * len(row.Seats); hall.PriceCents > 0 && row.AmountCents != want {
		c.add("%s costs %d cents, and %d seats at %d cents make %d", row.Transaction, row.AmountCents, len(row.Seats), hall.PriceCents, want)
	}
}
