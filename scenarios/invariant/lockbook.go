package invariant

import (
	"slices"
	"time"

	"eventflow/scenarios/history"
)

// lockLife is everything that the history says of one lock.
type lockLife struct {
	id       string
	event    int
	seats    []string
	ops      []*history.Op // all that named it, in order of their calls
	grants   []hold        // uncut, as answered
	releases []*history.Op // not refused
	ends     time.Duration // earliest call of a purchase that may end it
	kept     time.Duration // return of the first accepted purchase
}

// conflict is a lock that was refused because a seat was taken. asker is the lock
// that an earlier, unanswered try of the same request may have left; nil: none.
type conflict struct {
	op    *history.Op
	asker *request
}

// request is the tries of one lock request of which some had an unknown outcome.
type request struct {
	tries []*history.Op // of unknown outcome
	life  *lockLife     // nil while no try was granted
}

// seatPage is one seat's page of the book.
type seatPage struct {
	seat      seat
	holds     []hold // certain ones
	lives     []*lockLife
	conflicts []conflict
}

// lockBook is the history of the lock store, by lock and by seat, each in the
// order in which it was first named.
type lockBook struct {
	lives     []*lockLife
	pages     []seatPage
	conflicts []conflict
	longest   time.Duration // the longest time left that any answer told

	byID   map[string]*lockLife
	bySeat map[seat]int
	open   map[int]*request // by buyer: the latest request with a try of unknown outcome
	doubts []*request
}

// newLockBook reads the ops. Extends, releases and purchases name their lock, and
// so does a lock that was granted. One of unknown outcome has no name; the next
// try of the same request may give it one.
func newLockBook(v *view) *lockBook {
	b := &lockBook{byID: map[string]*lockLife{}, bySeat: map[seat]int{}, open: map[int]*request{}}
	for i := range v.h.Ops {
		o := &v.h.Ops[i]
		switch o.Kind {
		case history.Lock:
			b.lock(v, o)
		case history.Extend, history.Release, history.Purchase:
			if o.LockID != "" {
				b.life(o).note(v, o)
			}
		}
	}
	b.name()
	b.turn(v)
	return b
}

func (b *lockBook) lock(v *view, o *history.Op) {
	req := b.open[o.Buyer]
	if req != nil && (o.Attempt == 0 || !slices.Equal(req.tries[0].Seats, o.Seats)) {
		delete(b.open, o.Buyer)
		req = nil
	}
	switch {
	case o.Outcome == history.OK:
		life := b.life(o)
		if life.note(v, o); req != nil {
			req.life = life
		}
	case o.Known() == history.Unknown && o.LockID != "":
		b.life(o).note(v, o)
	case o.Known() == history.Unknown:
		if req == nil {
			req = &request{}
			b.open[o.Buyer], b.doubts = req, append(b.doubts, req)
		}
		req.tries = append(req.tries, o)
	case isTaken(o):
		b.conflicts = append(b.conflicts, conflict{o, req})
	}
	if o.Outcome == history.OK {
		b.longest = max(b.longest, o.Expires)
	}
}

// isTaken says that somebody else has one of the seats, as the shop claims. Other
// conflicts are about the lock itself.
func isTaken(o *history.Op) bool {
	return o.Code == 409 && (o.Problem == "seat_taken" || o.Problem == "")
}

func (b *lockBook) life(o *history.Op) *lockLife {
	life := b.byID[o.LockID]
	if life == nil {
		life = &lockLife{id: o.LockID, ends: forever, kept: forever}
		b.byID[o.LockID], b.lives = life, append(b.lives, life)
	}
	if o.Kind == history.Extend && o.Outcome == history.OK {
		b.longest = max(b.longest, o.Expires)
	}
	return life
}

// name gives the tries of unknown outcome to the lock that the request became, or
// to a lock without an id that nobody but the store can know.
func (b *lockBook) name() {
	for _, req := range b.doubts {
		if req.life == nil {
			first := req.tries[0]
			req.life = &lockLife{id: "unknown of op " + itoa(first.ID), event: first.Event, seats: first.Seats, ends: forever, kept: forever}
			b.lives = append(b.lives, req.life)
		}
		req.life.ops = append(req.life.ops, req.tries...)
		slices.SortStableFunc(req.life.ops, func(x, y *history.Op) int { return int(x.ID - y.ID) })
	}
}

// turn makes the pages.
func (b *lockBook) turn(v *view) {
	for _, life := range b.lives {
		certain := life.certain(v)
		distinct(life.seats, func(name string) {
			p := b.page(seat{life.event, name})
			p.lives = append(p.lives, life)
			p.holds = append(p.holds, certain...)
		})
	}
	for _, c := range b.conflicts {
		distinct(c.op.Seats, func(name string) {
			p := b.page(seat{c.op.Event, name})
			p.conflicts = append(p.conflicts, c)
		})
	}
}

func (b *lockBook) page(s seat) *seatPage {
	i, ok := b.bySeat[s]
	if !ok {
		i = len(b.pages)
		b.bySeat[s], b.pages = i, append(b.pages, seatPage{seat: s})
	}
	return &b.pages[i]
}

func (l *lockLife) note(v *view, o *history.Op) {
	if len(o.Seats) > 0 && len(l.seats) == 0 {
		l.event, l.seats = o.Event, o.Seats
	}
	l.ops = append(l.ops, o)
	if o.Known() == history.Refused {
		return
	}
	switch o.Kind {
	case history.Lock, history.Extend:
		if o.Outcome == history.OK {
			l.grants = append(l.grants, hold{lock: o.LockID, asked: o.Call, from: o.Return, to: o.Call + o.Expires - v.slack()})
		}
	case history.Release:
		l.releases = append(l.releases, o)
	case history.Purchase:
		l.bought(v, o)
	}
}

// forGood says that the lock's purchase was accepted and not rejected later.
func (v *view) forGood(transaction string) bool {
	p := v.intents[transaction]
	return v.h.Ledger != nil && p != nil && p.ok > 0 && !v.hasStatus(transaction, rejected)
}

func (l *lockLife) bought(v *view, o *history.Op) {
	if !v.forGood(o.Transaction) {
		l.ends = min(l.ends, o.Call)
		return
	}
	if o.Outcome == history.OK && o.Return < l.kept {
		l.kept = o.Return
		l.grants = append(l.grants, hold{lock: o.LockID, asked: o.Call, from: o.Return, to: forever, kept: true})
	}
}
