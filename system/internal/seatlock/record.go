package seatlock

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"eventflow/system/internal/ticket"
)

// State is how far a lock has come.
type State string

// The states of a lock. Confirmed and rejected are the ledger's word and final.
const (
	StateLocked     State = "locked"     // seats held with a time limit, if they have not lapsed
	StatePurchasing State = "purchasing" // being published, or published with an unknown outcome
	StateAccepted   State = "accepted"   // the queue has it
	StateConfirmed  State = "confirmed"
	StateRejected   State = "rejected"
	StateReleased   State = "released"  // given back by the buyer
	StateAbandoned  State = "abandoned" // never reached the queue; given up by the janitor
)

// record is the hash behind lock:{id}. Times are Redis's.
type record struct {
	id      string
	user    string
	node    string // that began to buy it
	event   int
	seats   []string
	amount  int
	state   State
	open    int  // attempts begun and not ended
	unknown bool // an attempt ended without knowing whether it published
	reason  string
	created time.Time
	expires time.Time
}

const openPrefix = "open:"

// parse reads a hash; an empty one is no record.
func parse(id string, h map[string]string) (*record, error) {
	if len(h) == 0 {
		return nil, nil
	}
	r := &record{id: id, user: h["user"], node: h["node"], state: State(h["state"]), unknown: h["unknown"] == "1", reason: h["reason"]}
	for field := range h {
		if strings.HasPrefix(field, openPrefix) {
			r.open++
		}
	}
	var err error
	number := func(field string) (n int64) {
		if err == nil && h[field] != "" {
			n, err = strconv.ParseInt(h[field], 10, 64)
		}
		return n
	}
	r.event, r.amount = int(number("event")), int(number("amount"))
	r.created, r.expires = time.UnixMilli(number("created")), time.UnixMilli(number("expires"))
	if err == nil {
		err = json.Unmarshal([]byte(h["seats"]), &r.seats)
	}
	if err != nil {
		return nil, fmt.Errorf("record of lock %s: %w", id, err)
	}
	return r, nil
}

func (r *record) fields() ([]any, error) {
	seats, err := json.Marshal(r.seats)
	if err != nil {
		return nil, fmt.Errorf("record of lock %s: %w", r.id, err)
	}
	return []any{"user", r.user, "event", r.event, "seats", seats, "amount", r.amount, "state", string(r.state),
		"created", r.created.UnixMilli(), "expires", r.expires.UnixMilli()}, nil
}

// lock is the record as the buyer sees it. The dates are the node's: Redis's
// clock says only how much is left.
func (r *record) lock(redisNow, nodeNow time.Time) ticket.Lock {
	shift := nodeNow.Sub(redisNow)
	return ticket.Lock{
		ID: r.id, User: r.user, Event: r.event, Seats: r.seats, AmountCents: r.amount,
		CreatedAt: r.created.Add(shift), ExpiresAt: r.expires.Add(shift),
	}
}

func (r *record) purchase() ticket.Purchase {
	return ticket.Purchase{
		Transaction: ticket.TransactionID(r.id), LockID: r.id, User: r.user,
		Event: r.event, Seats: r.seats, AmountCents: r.amount, Node: r.node,
	}
}
