// Package ticket is EventFlow's domain: events, halls, seats, locks and
// purchases, the rules between them and the errors that name a broken rule.
//
// It does no I/O and must not know which stores keep its values.
package ticket

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Limits that hold everywhere.
const (
	// MaxSeatsPerLock is how many seats one buyer may take in one go.
	MaxSeatsPerLock = 8
	// MaxSeatName is the longest name of a seat, in bytes.
	MaxSeatName = 16
)

// Event is something that seats are sold for.
type Event struct {
	ID       int       `json:"id"`
	Name     string    `json:"name"`
	Venue    string    `json:"venue"`
	StartsAt time.Time `json:"starts_at"`
	Seats    int       `json:"seats"` // how many the hall has
}

// Hall is an event's seats as they never change while it is on sale.
type Hall struct {
	Event    Event     `json:"event"`
	Sections []Section `json:"sections"` // in the order people read them, stage first
}

// Section is a part of the hall with one price.
type Section struct {
	Name       string `json:"name"`
	PriceCents int    `json:"price_cents"`
	Rows       []Row  `json:"rows"`
}

// Row is a line of seats.
type Row struct {
	Name  string   `json:"name"`
	Seats []string `json:"seats"` // names, unique in the event: "A-12"
}

// Price says what the seats cost together, in cents, and which of them the hall
// does not have.
func (h Hall) Price(seats []string) (cents int, unknown []string) {
	price := make(map[string]int, h.Event.Seats)
	for _, s := range h.Sections {
		for _, r := range s.Rows {
			for _, seat := range r.Seats {
				price[seat] = s.PriceCents
			}
		}
	}
	for _, seat := range seats {
		p, ok := price[seat]
		if !ok {
			unknown = append(unknown, seat)
		}
		cents += p
	}
	return cents, unknown
}

// SeatState is what a seat map says of one seat.
type SeatState string

// The states of a seat, in the order a seat passes through them.
const (
	Free       SeatState = "free"
	Held       SeatState = "held"       // locked, with a time limit
	Purchasing SeatState = "purchasing" // being bought, no time limit
	Sold       SeatState = "sold"       // in the ledger
)

// Lock is a buyer's claim on seats of one event.
type Lock struct {
	ID          string    `json:"lock_id"`
	User        string    `json:"user"`
	Event       int       `json:"event_id"`
	Seats       []string  `json:"seats"`
	AmountCents int       `json:"amount_cents"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"` // as told to the buyer; Redis alone decides
}

// Purchase is the message that travels from the shop to the ledger.
type Purchase struct {
	Transaction string    `json:"transaction_id"`
	LockID      string    `json:"lock_id"`
	User        string    `json:"user"`
	Event       int       `json:"event_id"`
	Seats       []string  `json:"seats"`
	AmountCents int       `json:"amount_cents"`
	Node        string    `json:"node"`        // which node accepted it
	AcceptedAt  time.Time `json:"accepted_at"` // that node's clock
}

// Validate refuses a message that no shop of this version would have sent: the
// consumer dead-letters it rather than trying it for ever.
func (p Purchase) Validate() error {
	if p.Transaction != TransactionID(p.LockID) {
		return fmt.Errorf("transaction %q does not belong to lock %q", p.Transaction, p.LockID)
	}
	if p.User == "" || p.Event <= 0 || p.AmountCents < 0 {
		return fmt.Errorf("purchase %s: user, event and amount must be set", p.Transaction)
	}
	return CheckSeats(p.Seats)
}

// Status is how far a purchase has come.
type Status string

// The statuses a buyer is told. Confirmed and Rejected are final.
const (
	Queued    Status = "queued"
	Confirmed Status = "confirmed"
	Rejected  Status = "rejected"
)

// transactions is the name space of transaction ids. It is part of the public
// contract: transaction_id = UUIDv5(this, lock_id).
var transactions = uuid.MustParse("6f6a1a0e-6f0b-5c43-9d0a-2f6f5e5a7f10")

// TransactionID is the one purchase that a lock can become: a retry with the
// same lock is the same purchase.
func TransactionID(lockID string) string {
	return uuid.NewSHA1(transactions, []byte(lockID)).String()
}

// CheckSeats refuses a list of seats that could not be locked in any hall:
// empty, too long, with an empty, overlong or repeated name.
func CheckSeats(seats []string) error {
	if len(seats) == 0 || len(seats) > MaxSeatsPerLock {
		return fmt.Errorf("%w: %d seats named, 1 to %d are allowed", ErrInvalid, len(seats), MaxSeatsPerLock)
	}
	seen := make(map[string]bool, len(seats))
	for _, s := range seats {
		if s == "" || len(s) > MaxSeatName {
			return fmt.Errorf("%w: seat name %.20q must have 1 to %d bytes", ErrInvalid, s, MaxSeatName)
		}
		if seen[s] {
			return fmt.Errorf("%w: seat %q is named twice", ErrInvalid, s)
		}
		seen[s] = true
	}
	return nil
}
