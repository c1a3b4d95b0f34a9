// Package traffic plays the buyers of a sale: people who arrive whether or not
// the shop keeps up, look at the hall, take seats, buy them and, when they are
// told nothing, ask again for the same thing.
//
// It sees the shop only as a buyer does, over HTTP, and writes down every op and
// what was answered. It must not know how a link is broken, what runs behind the
// shop's door, or what counts as correct.
package traffic

import (
	"errors"
	"fmt"
	"time"
)

// Sale is the load of one drill, as data: the same Sale makes the same choices.
type Sale struct {
	Event int `json:"event"` // whose seats are sold
	// Seats is how many of the hall's seats buyers ask for, from its front; 0:
	// all. The last few are kept for journeys either way, see kept.
	Seats int `json:"seats"`

	Buyers    float64 `json:"buyers"`              // buyers who arrive, per second (Poisson)
	Readers   float64 `json:"readers"`             // reads of the seat map, per second (evenly spaced)
	Registers float64 `json:"registers,omitempty"` // new accounts, per second (evenly spaced): each costs the shop a bcrypt hash

	// Watchers read the event's own data, per second (evenly spaced). Op.Version is
	// 12 for an event whose name ends in " v12", and 0 for one without such an end.
	Watchers float64 `json:"watchers,omitempty"`
	// Cold reads ask, per second (evenly spaced), for an event that does not exist
	// and that nobody has asked for before: no cache can answer. A sound shop
	// answers 404, and 503 while its database is gone.
	Cold float64 `json:"cold,omitempty"`
	// Logins of one member, per second (evenly spaced). The account is opened
	// before anybody arrives; each login costs the shop a bcrypt comparison.
	Logins float64 `json:"logins,omitempty"`
	// Forgers make calls, per second (evenly spaced), that must be refused: with
	// false tokens, a password that only begins like the right one, or a lock of
	// somebody else's. All ten forgeries are tried in the first ten calls, in the
	// next nine the tokens and the lock on another route, and so on in turns.
	// Op.Forgery says what was tried: the names are those of forged, LongPassword and ForeignLock. A sound shop answers 401 to a false token, 422 to the long
	// password, 403 to a stranger (404 once Redis has forgotten the lock, 410 once
	// it has lapsed), and 503 where it can not ask.
	Forgers float64 `json:"forgers,omitempty"`

	// HotSeats is how many seats a crowd wants at the same time. A block of so many
	// stays hot for 4*HotSeats buyers; then the next one is.
	HotSeats      int     `json:"hot_seats,omitempty"`
	HotShare      float64 `json:"hot_share,omitempty"`      // part of the buyers who want them first, and others if they are taken
	RegisterShare float64 `json:"register_share,omitempty"` // part of the buyers who open an account first
	PurchaseShare float64 `json:"purchase_share"`           // part of the buyers who buy what they hold
	AbandonShare  float64 `json:"abandon_share,omitempty"`  // part who give it back; the rest walk away and let it lapse
	ExtendShare   float64 `json:"extend_share,omitempty"`   // part who ask for more time first
	// PressShare is the part of the buyers who press "buy" five times at once:
	// five purchase ops of one lock at one moment, over new connections. Their
	// Attempt is 0 to 4 and the retries', if any, 5 and up: where nothing fails, a
	// witness counts them by MinAttempt 4.
	PressShare float64 `json:"press_share,omitempty"`
	// HoldShare is the part of the buyers who hesitate: they hold their seats for
	// HoldFor more, before they buy, give back or walk away. A hold that lapses
	// meanwhile they try to buy all the same. Whom the end of the sale finds
	// hesitating goes home and lets the hold lapse. Mind MaxOpen.
	HoldShare float64       `json:"hold_share,omitempty"`
	HoldFor   time.Duration `json:"hold_for,omitempty"`
	// StubbornShare is the part of the buyers who want seats of the hot block and no
	// others: up to four times they ask for some of it, whatever the map shows and
	// however often they are refused. 60 buyers a second who all are, and 20 hot
	// seats: over a hundred at a time, and more than a thousand conflicts in 8 s.
	StubbornShare float64 `json:"stubborn_share,omitempty"`
	// OldTokens makes every buyer one of a few dozen guests who came in before the
	// doors opened: nobody enters or opens an account during the sale, so that it
	// goes on while auth is gone. Buyers who share a guest share nothing else.
	OldTokens bool   `json:"old_tokens,omitempty"`
	Seed      uint64 `json:"seed"`

	Timeout  time.Duration `json:"timeout,omitempty"`  // a buyer's patience for one answer; 0: 3 s
	Think    time.Duration `json:"think,omitempty"`    // mean pause between two steps of a buyer; 0: 200 ms
	Backoff  time.Duration `json:"backoff,omitempty"`  // mean wait before the first retry, doubled up to 4 s; 0: 300 ms
	Attempts int           `json:"attempts,omitempty"` // times a buyer asks for one purchase or lock before giving up; 0: 6
	Polls    int           `json:"polls,omitempty"`    // times a buyer asks after a purchase; 0: 12
	// Linger is how long, after the last arrival, buyers who were never told
	// what became of their purchase may still come back for it; 0: 10 s.
	Linger time.Duration `json:"linger,omitempty"`
	// MapEvery is that every MapEvery-th read of the seat map notes in Op.Free
	// which seats it showed as free; 0: every 10th. The journal grows by a sixth
	// of a byte per seat of the hall and noted read.
	MapEvery int `json:"map_every,omitempty"`
	// MaxOpen is how many sessions of each stream (buyers, readers ...) may be open
	// at once; 0: 2048, which is 30 buyers a second who all wait a minute for their
	// purchase. An arrival beyond it is shed and counted: it is never made to wait,
	// for that would hide the shop's stall.
	MaxOpen int `json:"max_open,omitempty"`
}

// withDefaults fills in what was left at zero.
func (s Sale) withDefaults() Sale {
	s.Timeout = fallback(s.Timeout, 3*time.Second)
	s.Think = fallback(s.Think, 200*time.Millisecond)
	s.Backoff = fallback(s.Backoff, 300*time.Millisecond)
	s.Linger = fallback(s.Linger, 10*time.Second)
	s.Attempts = fallback(s.Attempts, 6)
	s.Polls = fallback(s.Polls, 12)
	s.MapEvery = fallback(s.MapEvery, 10)
	s.MaxOpen = fallback(s.MaxOpen, 2048)
	return s
}

func fallback[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Validate reports every way in which the sale makes no sense.
func (s Sale) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("sale: "+format, args...))
		}
	}
	check(s.Event > 0, "event %d: must be positive", s.Event)
	check(s.Seats >= 0 && s.HotSeats >= 0, "seats %d, hot seats %d: must not be negative", s.Seats, s.HotSeats)
	check(s.Seats == 0 || s.HotSeats <= s.Seats, "%d hot seats in a hall of %d", s.HotSeats, s.Seats)
	for name, rate := range s.rates() {
		check(rate >= 0 && rate <= maxRate, "%s %g per second: must lie between 0 and %d", name, rate, int(maxRate))
	}
	for name, share := range map[string]float64{"hot": s.HotShare, "register": s.RegisterShare, "purchase": s.PurchaseShare,
		"abandon": s.AbandonShare, "extend": s.ExtendShare, "press": s.PressShare, "hold": s.HoldShare, "stubborn": s.StubbornShare, "purchase and abandon": s.PurchaseShare + s.AbandonShare} {
		check(share >= 0 && share <= 1.000001, "%s share %g: must lie between 0 and 1", name, share)
	}
	for name, d := range map[string]time.Duration{"timeout": s.Timeout, "think": s.Think, "backoff": s.Backoff, "linger": s.Linger, "hold": s.HoldFor} {
		check(d >= 0, "%s %s: must not be negative", name, d)
	}
	check((s.HoldShare > 0) == (s.HoldFor > 0), "hold share %g for %s: both or neither", s.HoldShare, s.HoldFor)
	check(s.StubbornShare == 0 || s.HotSeats > 0, "stubborn share %g: there are no hot seats", s.StubbornShare)
	check(!s.OldTokens || s.RegisterShare == 0, "old tokens: nobody opens an account, register share is %g", s.RegisterShare)
	check(s.MaxOpen >= 0 && s.Attempts >= 0 && s.Polls >= 0 && s.MapEvery >= 0, "max_open, attempts, polls and map_every must not be negative")
	return errors.Join(errs...)
}

// rates is every stream of arrivals by its name, per second.
func (s Sale) rates() map[string]float64 {
	return map[string]float64{
		"buyers": s.Buyers, "readers": s.Readers, "registers": s.Registers, "watchers": s.Watchers,
		"cold": s.Cold, "logins": s.Logins, "forgers": s.Forgers,
	}
}

// maxRate bounds a stream: beyond it the timer, not the shop, would be measured.
const maxRate = 5000.0

// kept is how many seats at the back of the hall no buyer asks for: a journey
// must find a free seat in a sold-out sale.
const kept = 8
