// Package tamper meddles with what the stores hold, round EventFlow: broken and
// repeated messages, a queue that is gone, a locked table, a commit that fails.
//
// It must not know which scenario wants that, nor what counts as correct.
package tamper

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Kind names what is done.
type Kind string

// The kinds. Those marked "lasting" go on until they are undone; where they need a
// pace and Every is zero, it is one second.
const (
	// Poison puts Count messages (0: one) that are no purchases into the purchase
	// queue: by turns text that is not JSON, JSON of something else, a purchase of an
	// event that does not exist, of a seat that does not exist, and one whose id does
	// not belong to its lock. Lasting if Every is set: one more each Every. Their
	// message ids begin with PoisonID.
	Poison Kind = "poison"
	// Republish, lasting: each Every, Count purchases of the sale that are in the
	// ledger (0: one) are put into the queue again, as the shop would publish them.
	// One whose lock the shop has forgotten cannot be: its id cannot be proved.
	Republish Kind = "republish"
	// DeleteQueue deletes the purchase queue with all it holds; lasting if Every is
	// set: again each Every. Undone when somebody has declared it again, which is the
	// shop's to do.
	DeleteQueue Kind = "delete-queue"
	// LockTable, lasting: a session of its own holds an exclusive lock on purchases
	// and sold_seats, which nobody reads or writes meanwhile. It ends with the
	// process that applied it.
	LockTable Kind = "lock-table"
	// ExpireCache, lasting: each Every, every cached entry of the sale is deleted.
	ExpireCache Kind = "expire-cache"
	// CommitFails, lasting: every Count-th transaction (0: every fourth; at least every
	// second) that writes a new purchase is undone at its COMMIT, after its statements
	// have been answered. PostgreSQL calls it a serialization failure: nothing was
	// written, and tried again it is another transaction's turn.
	CommitFails Kind = "commit-fails"
	// UpdateEvent, lasting: each Every, the event's name gets the next version, as in
	// "Drill v3". The last version stays when it is undone: buyers who had seen it
	// must not see an older one. Close puts the name back.
	UpdateEvent Kind = "update-event"
)

var kinds = []Kind{Poison, Republish, DeleteQueue, LockTable, ExpireCache, CommitFails, UpdateEvent}

// Tamper is one meddling, as data.
type Tamper struct {
	Kind  Kind          `json:"kind"`
	Count int           `json:"count,omitempty"`
	Every time.Duration `json:"every,omitempty"` // nanoseconds
}

// Validate reports a tamper that nobody could carry out.
func (t Tamper) Validate() error {
	if !slices.Contains(kinds, t.Kind) {
		return fmt.Errorf("tamper %q: unknown kind; there are %v", t.Kind, kinds)
	}
	if t.Count < 0 || t.Every < 0 {
		return fmt.Errorf("tamper %q: %w", t.Kind, errors.New("count and every must not be negative"))
	}
	if t.Kind == CommitFails && t.Count == 1 {
		return fmt.Errorf("tamper %q: %w", t.Kind, errors.New("a count of one would fail every commit for ever"))
	}
	return nil
}

// Service is the store that is meddled with.
func (t Tamper) Service() string {
	switch t.Kind {
	case Poison, Republish, DeleteQueue:
		return "rabbitmq"
	case ExpireCache:
		return "redis"
	}
	return "postgres"
}

// String is the tamper as people say it.
func (t Tamper) String() string { return string(t.Kind) + " " + t.Service() }

// count is how many at once; unset: def.
func (t Tamper) count(def int) int {
	if t.Count == 0 {
		return def
	}
	return t.Count
}

// pace is the pause of a lasting tamper.
func (t Tamper) pace() time.Duration {
	if t.Every == 0 {
		return time.Second
	}
	return t.Every
}

// Effect is what a tamper did, for the record of a drill.
type Effect struct {
	ReadBack string // the store's own word on it
	Symptom  string // what was seen afterwards
	Bit      bool   // it did what it is for
}
