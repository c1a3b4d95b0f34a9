// Package mutants is EventFlow with one planted bug at a time: who tests the
// tests. A scenario that lets its mutants live would let the same mistake live if
// somebody made it for real.
//
// Mutants are data: edits of EventFlow's source, the scenario that must notice and
// the invariants that it must then call broken. This package must not know how a
// drill is carried out, nor what the catalogue holds.
package mutants

import (
	"slices"

	"eventflow/scenarios/lab"
	"eventflow/scenarios/overlay"
	"eventflow/toxiproxy/topology"
)

// Mutant is EventFlow with one planted bug.
type Mutant struct {
	Name string `json:"name"`
	// ID is the number in the list of bugs that the laboratory is held against: M01.
	// P is for bugs of the first EventFlow, in Python, X for others. Two mutants of
	// one number plant one bug in two places, or are caught in two ways.
	ID     string    `json:"id"`
	Lesson lab.Text  `json:"lesson"` // what a student learns from it
	Needs  lab.Needs `json:"needs"`  // the bug, on top of what the scenario needs
	// Scenario is the drill that must notice.
	Scenario string `json:"scenario"`
	// Anomaly is the invariants of which at least one must be called broken.
	Anomaly []string `json:"anomaly"`
	// Gate says that it is played before every merge, not only at night.
	Gate bool `json:"gate,omitempty"`
	// First says that the first EventFlow really had this bug.
	First bool `json:"first,omitempty"`
}

// All is every mutant, by the part of EventFlow that it spoils.
func All() []Mutant {
	return slices.Concat(publishing(), consuming(), writing(), locking(), buying(), reading(), waiting(), entering())
}

// Find is the mutant of that name or number.
func Find(name string) (Mutant, bool) {
	for _, m := range All() {
		if name != "" && (m.Name == name || m.ID == name) {
			return m, true
		}
	}
	return Mutant{}, false
}

// Left is a bug of the list that is no mutant here, and why.
type Left struct {
	ID  string `json:"id"`
	Bug string `json:"bug"`
	Why string `json:"why"`
}

// Excluded are the bugs of the list that are no mutants: some change nothing that
// anybody could see, some have no place in EventFlow where they could be planted.
func Excluded() []Left {
	return []Left{
		{ID: "M24", Bug: "An acknowledgement that comes late is sent on the next connection", Why: "Its damage is masked: whatever was acknowledged, " +
			"EventFlow writes what it has in hand, so a purchase is lost only if that session, too, ends before it is written. Three drafts of this bug lost none in consumer-loses-broker."},
		{"M22", "one pool for reads, logins and writes", "each program has one job and pools of its own: the nodes never write, auth never reads the ledger, and nobody reads through the consumer"},
		{"M30", "publisher and consumer share a connection", "they are different programs: no connection could be shared"},
		{"M39", "a fencing token counted by Redis and enforced by PostgreSQL", "a seat is written once and needs no token, so that messages carry none: the bug would be a new design, not an edit"},
		{"8.1a", "transient messages in a quorum queue", "a quorum queue writes every message to its log, whatever the message says"},
		{"8.1b", "fsync=off", "a killed process loses nothing that the kernel has; only the machine's own death would show it"},
		{"8.1c", "no mandatory flag while the queue stays where it is", "nothing is ever returned then; with the queue deleted it is M03"},
		{"8.1d", "unbuffered channels for confirms", "the library gives up on a full channel after 5 s, and EventFlow asks each message for its own confirm"},
	}
}

// needs is a bug that is made of edits alone.
func needs(edits ...overlay.Edit) lab.Needs { return lab.Needs{Edits: edits} }

func env(values ...string) map[topology.Name]map[string]string {
	all := map[string]string{}
	for i := 0; i < len(values); i += 2 {
		all[values[i]] = values[i+1]
	}
	return map[topology.Name]map[string]string{"": all}
}

// noRescue has nobody look after purchases that the queue has lost: Redis knows
// them, and while it does, it makes good for whoever loses a message.
var noRescue = in(mendGo, "\t\tcase p.Accepted && r.drained():\n", "\t\tcase r.Ledger == nil: // never\n")

// in gives an edit its file.
func in(file, old, new string) overlay.Edit {
	return overlay.Edit{File: file, Old: old, New: new}
}

// The files that mutants spoil.
const (
	schema     = "init.sql"
	edge       = "system/nginx/eventflow.conf.template"
	queueGo    = "system/internal/queue/queue.go"
	outletGo   = "system/internal/queue/outlet.go"
	intakeGo   = "system/internal/queue/intake.go"
	consumerGo = "system/internal/queue/consumer.go"
	settleGo   = "system/internal/settle/settle.go"
	mendGo     = "system/internal/settle/reconcile.go"
	ledgerGo   = "system/internal/store/settle.go"
	storeGo    = "system/internal/store/read.go"
	usersGo    = "system/internal/store/users.go"
	holdGo     = "system/internal/seatlock/hold.go"
	beginGo    = "system/internal/seatlock/purchase.go"
	transactGo = "system/internal/seatlock/transact.go"
	buyGo      = "system/internal/httpapi/purchase.go"
	ticketGo   = "system/internal/ticket/ticket.go"
	cacheGo    = "system/internal/cache/cache.go"
	readGo     = "system/internal/cache/read.go"
	mapGo      = "system/internal/cache/seatmap.go"
	redisGo    = "system/internal/redisconn/redisconn.go"
	tokenGo    = "system/internal/token/token.go"
	rulesGo    = "system/internal/account/rules.go"
	hasherGo   = "system/internal/account/hasher.go"
	appGo      = "system/cmd/app/main.go"
	authGo     = "system/cmd/auth/main.go"
)
