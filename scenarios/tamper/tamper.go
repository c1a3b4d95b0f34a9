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

// The kinds. Those marked "lasting" go on until they are undone.
const (
	Poison      Kind = "poison"       // Count messages that are no purchases, into the purchase queue; lasting if Every is set: one each Every
	Republish   Kind = "republish"    // lasting: each Every, Count purchases of the ledger are put into the queue again
	DeleteQueue Kind = "delete-queue" // the purchase queue is deleted; with Every: again each Every
	LockTable   Kind = "lock-table"   // lasting: a session holds an exclusive lock on the ledger's tables
	ExpireCache Kind = "expire-cache" // lasting: each Every, every cached entry of the sale is deleted
	CommitFails Kind = "commit-fails" // lasting: the commit of about one new purchase in Count fails, once per purchase
	UpdateEvent Kind = "update-event" // lasting: each Every, the event's data gets the next version
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

// Effect is what a tamper did, for the record of a drill.
type Effect struct {
	ReadBack string // the store's own word on it
	Symptom  string // what was seen afterwards
	Bit      bool   // it did what it is for
}
