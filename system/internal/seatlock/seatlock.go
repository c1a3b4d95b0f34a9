// Package seatlock keeps buyers' claims on seats in Redis: locked with a time
// limit, purchasing without one, sold. It is admission control; Redis may lose
// all of it, and then nobody gets a lock until it has been rebuilt.
//
// It must not know HTTP, the queue or the ledger: the ledger alone decides who
// has bought a seat, and tells this package through Settle.
package seatlock

import (
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/ticket"
)

// How long things are kept.
const (
	// DefaultTTL is how long a new lock holds its seats.
	DefaultTTL = 600 * time.Second
	// DefaultMaxHold is how long after its creation a lock may be extended to.
	DefaultMaxHold = time.Hour
	// HoldFloor is what a buyer gets back at least when a purchase was refused:
	// enough to press the button again.
	HoldFloor = 30 * time.Second
	// recordKeep is how long a record outlives its seats, so that a lapsed lock
	// and one that never existed are told apart.
	recordKeep = 24 * time.Hour
	// listKeep is how long a buyer's list of purchases is kept after the last
	// one: longer than any outage of the ledger that the shop would survive.
	listKeep = 30 * 24 * time.Hour
	// maxOpen is how many purchase attempts of one lock are told apart; with
	// more at once the outcome of the purchase counts as unknown.
	maxOpen = 16
)

// Options are the limits of New; zero means default.
type Options struct {
	TTL     time.Duration    // of a new or extended lock
	MaxHold time.Duration    // from creation to the last possible expiry
	Now     func() time.Time // the node's clock; only turns what is left of a lock into a date
	Observe redisconn.Observer
}

// Locks is the seats' state in one Redis. Every method is safe for concurrent
// use; errors are those of package ticket.
type Locks struct {
	rdb     *redis.Client
	guard   *redisconn.Guard
	ttl     time.Duration
	maxHold time.Duration
	now     func() time.Time
}

// New uses a client of redisconn.Open: with another client's retries an unknown
// outcome would be reported as a certain one.
func New(rdb *redis.Client, o Options) *Locks {
	l := &Locks{rdb: rdb, guard: redisconn.NewGuard(o.Observe), ttl: o.TTL, maxHold: o.MaxHold, now: o.Now}
	if l.ttl <= 0 {
		l.ttl = DefaultTTL
	}
	if l.maxHold <= 0 {
		l.maxHold = DefaultMaxHold
	}
	l.maxHold = max(l.maxHold, l.ttl)
	if l.now == nil {
		l.now = time.Now
	}
	return l
}

// SeatsTaken is a refused lock: which of the wanted seats are somebody else's.
type SeatsTaken struct{ Seats []string }

// Error names the seats.
func (e *SeatsTaken) Error() string {
	return ticket.ErrSeatTaken.Error() + ": " + strings.Join(e.Seats, ", ")
}

// Unwrap makes it a ticket.ErrSeatTaken.
func (e *SeatsTaken) Unwrap() error { return ticket.ErrSeatTaken }

// The keys. Nobody else writes them.
const (
	epochKey      = "epoch"
	rebuildKey    = "epoch:rebuild"
	purchasingKey = "purchasing"
)

func seatKey(event int, seat string) string { return "seat:" + strconv.Itoa(event) + ":" + seat }
func lockKey(id string) string              { return "lock:" + id }
func purchaseKey(tx string) string          { return "purchase:" + tx }
func userKey(user string) string            { return "user:" + user + ":purchases" }

func seatKeys(event int, seats []string) []string {
	keys := make([]string, len(seats))
	for i, s := range seats {
		keys[i] = seatKey(event, s)
	}
	return keys
}

// What a seat's key says. The two forms of a lock differ so that one MGET draws
// the seat map.
func heldBy(id string) string     { return "lock:" + id }
func boughtWith(id string) string { return "lock:" + id + ":purchasing" }
func soldIn(tx string) string     { return "sold:" + tx }

func stateOf(value string) ticket.SeatState {
	switch {
	case value == "":
		return ticket.Free
	case strings.HasPrefix(value, "sold:"):
		return ticket.Sold
	case strings.HasSuffix(value, ":purchasing"):
		return ticket.Purchasing
	}
	return ticket.Held
}
