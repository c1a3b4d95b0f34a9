// Package history is the record of one drill: what buyers asked and were told,
// which fault was in force when, and what the stores held in the end.
//
// It is data and its journal. It must not know how a sale is driven, how a link
// is broken or what counts as correct: judges read a history and touch nothing
// else, so that a drill can be judged again next month.
package history

import (
	"encoding/json"
	"time"
)

// Outcome is what a buyer may conclude from an answer. A timeout is never a "no".
type Outcome string

// The three outcomes, and there are no others.
const (
	// OK: the answer says that it happened (a purchase: accepted for good).
	OK Outcome = "ok"
	// Refused: it did not happen and never will. A claim, and judged as one.
	Refused Outcome = "refused"
	// Unknown: it may have happened, or may yet.
	Unknown Outcome = "unknown"
)

// Kind is what a buyer tries to do.
type Kind string

// The kinds of op.
const (
	Enter    Kind = "enter"    // guest token
	Register Kind = "register" // account in the database
	Login    Kind = "login"
	Events   Kind = "events"   // list of events
	Seats    Kind = "seats"    // seat map of the sale
	Lock     Kind = "lock"     // take seats
	Extend   Kind = "extend"   // keep them longer
	Release  Kind = "release"  // give them back
	Purchase Kind = "purchase" // buy locked seats
	Status   Kind = "status"   // ask after a purchase
	Event    Kind = "event"    // one event's data, with its version
	Cold     Kind = "cold"     // a read of something that no cache has seen
	Forge    Kind = "forge"    // a call with a token that must not be honoured, or a password that only looks right
)

// Op is one request of one buyer, with what came of it. Times are offsets from
// Meta.Base on the lab's monotonic clock, never on a server's.
type Op struct {
	ID      int64 `json:"id"`      // unique in the history, in order of invocation
	Process int   `json:"process"` // logical process: one op at a time, retired after an unknown outcome
	Buyer   int   `json:"buyer"`   // whose intent it serves; a retry keeps the buyer
	Kind    Kind  `json:"kind"`
	Attempt int   `json:"attempt,omitempty"` // 0 for the first try of an intent, 1 for its first retry

	Event  int      `json:"event,omitempty"`
	Seats  []string `json:"seats,omitempty"`
	LockID string   `json:"lock_id,omitempty"` // lock: as answered; others: as asked
	// Transaction is the purchase's id. It is a function of LockID that the
	// contract publishes, so an op whose answer was lost has one too.
	Transaction string `json:"transaction,omitempty"`

	Intended time.Duration `json:"intended"` // when the open loop meant to start it
	Call     time.Duration `json:"call"`
	Return   time.Duration `json:"return"` // zero while Outcome is empty

	Outcome  Outcome       `json:"outcome,omitempty"` // empty: still open when the journal ended; judged as Unknown
	Code     int           `json:"code,omitempty"`    // HTTP status, 0 if no answer came
	Problem  string        `json:"problem,omitempty"` // stable code of a problem+json answer
	Claim    string        `json:"claim,omitempty"`   // X-Outcome as answered: none, unknown or empty
	Node     string        `json:"node,omitempty"`    // X-EventFlow-Node
	Upstream string        `json:"upstream,omitempty"`
	Source   string        `json:"source,omitempty"`  // reads: cache or database
	Age      time.Duration `json:"age,omitempty"`     // reads: Age header
	State    string        `json:"state,omitempty"`   // status: queued, confirmed, rejected; seats: number free
	Expires  time.Duration `json:"expires,omitempty"` // lock, extend: time left on the hold when answered
	Error    string        `json:"error,omitempty"`   // transport error, as text

	// Version is the version of the event's data that was shown; see Update.
	Version int `json:"version,omitempty"`
	// Free is which seats a seat map showed as free: bit i of byte i/8 stands for
	// the seat at place i of History.Hall; base64 in the journal. Empty: not noted.
	Free []byte `json:"free,omitempty"`
	// Forgery names what was wrong with the credentials of a forge op: "expired",
	// "no-signature", "other-key", "other-algorithm", "long-password" ...
	Forgery string `json:"forgery,omitempty"`
}

// Latency is the time a buyer waited, counted from when the op was meant to
// start: a stalled client does not hide a stalled shop.
func (o Op) Latency() time.Duration { return o.Return - o.Intended }

// Service is the time between sending and answer.
func (o Op) Service() time.Duration { return o.Return - o.Call }

// The phases that every drill has, before the first fault and after the last heal.
const (
	Baseline = "baseline"
	Recover  = "recover"
)

// Phase is a stretch of the drill. Buyers' ops belong to the phase in which they
// were called.
type Phase struct {
	Name  string        `json:"name"` // baseline, a name of the scenario's, recover
	Start time.Duration `json:"start"`
	End   time.Duration `json:"end"`
}

// Fault is one fault on one or more links: when it was put in force, that it
// was read back and felt, and when the links were proven whole again.
type Fault struct {
	// Index numbers the drill's faults from 1. The recorder gives it out; a later
	// record with the same index replaces the earlier one.
	Index int      `json:"index,omitempty"`
	Name  string   `json:"name"` // cut, slow, hang, lose-replies
	Links []string `json:"links"`
	// Layer is what the fault broke: a link, a process or the data of a store.
	// Empty stands for a link.
	Layer   Layer  `json:"layer,omitempty"`
	Service string `json:"service,omitempty"` // process and data faults: whose
	// Passing: over by itself and not the phase's doing, as when a program dies and
	// is started again. It shapes no window.
	Passing bool `json:"passing,omitempty"`
	// Spec is the fault as it was asked for, for the re-run.
	Spec json.RawMessage `json:"spec,omitempty"`

	Phase   string        `json:"phase"`
	Start   time.Duration `json:"start"`   // injection began
	InForce time.Duration `json:"inforce"` // read back and probed
	HealAt  time.Duration `json:"heal_at"` // healing began; zero: never
	Healed  time.Duration `json:"healed"`  // every link answered a round trip; zero: never

	ReadBack string `json:"read_back,omitempty"` // the proxies' state as the proxy server told it
	Symptom  string `json:"symptom,omitempty"`   // what a probe through the links felt
	Bit      bool   `json:"bit"`                 // the symptom is the fault's own
	Error    string `json:"error,omitempty"`
}

// Layer is what a fault broke.
type Layer string

// The layers. The links of a fault on a process or on data are those that lead
// to the service.
const (
	LinkLayer    Layer = "link"
	ProcessLayer Layer = "process"
	DataLayer    Layer = "data"
)

// Update is one change that an administrator made to the sale's event while the
// drill went on, round the shop. Versions rise by one; version 0 is what stood
// there before the first.
type Update struct {
	Version int           `json:"version"`
	Call    time.Duration `json:"call"`
	Return  time.Duration `json:"return"` // committed by then; zero: outcome unknown
}

// PurchaseRow is one row of the ledger.
type PurchaseRow struct {
	Transaction string    `json:"transaction"`
	Event       int       `json:"event"`
	Seats       []string  `json:"seats"`
	AmountCents int       `json:"amount_cents"`
	User        string    `json:"user"`
	Status      string    `json:"status"` // CONFIRMED or REJECTED
	Reason      string    `json:"reason,omitempty"`
	RecordedAt  time.Time `json:"recorded_at"` // database clock: for people, never for judging
}

// SoldSeat is one seat that the database calls sold.
type SoldSeat struct {
	Event       int    `json:"event"`
	Seat        string `json:"seat"`
	Transaction string `json:"transaction"`
}

// Ledger is what the stores really held after the drain, read round the proxies.
type Ledger struct {
	At        time.Duration `json:"at"`
	Purchases []PurchaseRow `json:"purchases"`
	// Rows is how many purchases the database counted in the same snapshot; zero in
	// records from before it was counted.
	Rows       int            `json:"rows,omitempty"`
	Sold       []SoldSeat     `json:"sold"`
	Effects    map[string]int `json:"effects"`     // transaction -> tickets sent
	Ready      int            `json:"ready"`       // messages left in the queue
	Unacked    int            `json:"unacked"`     // delivered and not yet settled
	DeadLetter int            `json:"dead_letter"` // messages in the dead-letter queue
	Stuck      []string       `json:"stuck"`       // seats still held by a purchase that has ended

	// What follows was added later: a ledger without it leaves it nil, and what it
	// would prove is not proven. Empty and not nil: looked at, and nothing there.

	Held   []SeatHold `json:"held,omitzero"`    // what the lock store says of the sale's seats
	Hall   *Hall      `json:"hall,omitzero"`    // what the shop shows of the hall
	Peers  []Peer     `json:"peers,omitzero"`   // who is connected to the stores, observers left out
	Died   []string   `json:"died,omitzero"`    // lines of the programs' logs that tell of a panic or a data race
	DeadID []string   `json:"dead_id,omitzero"` // ids of the messages in the dead-letter queue; "" for one without id
	// After is one sample taken when all was quiet again, to compare with those
	// before the first fault.
	After map[string]float64 `json:"after,omitzero"`
}

// SeatHold is one seat as the lock store has it.
type SeatHold struct {
	Seat  string `json:"seat"`
	Lock  string `json:"lock,omitempty"` // whose; empty for a sold seat
	State string `json:"state"`          // of the lock's record: locked, purchasing, accepted, confirmed, rejected; sold for a sold seat; empty: no record
	// TTL is after how long the store forgets it by itself; negative: never.
	TTL time.Duration `json:"ttl"`
}

// Hall is the sale's hall as a buyer sees it after the drain.
type Hall struct {
	Seats      int `json:"seats"`
	Free       int `json:"free"`
	Held       int `json:"held"`
	Purchasing int `json:"purchasing"`
	Sold       int `json:"sold"`
	PriceCents int `json:"price_cents"` // of every seat
}

// Peer is one client connection of a store.
type Peer struct {
	Store  string `json:"store"`  // postgres, redis, rabbitmq
	Client string `json:"client"` // as the store knows it: role, client name, user
	Addr   string `json:"addr"`   // its end of the connection
	// Proxied says that the other end of the connection is the proxy server.
	Proxied bool `json:"proxied"`
}

// Meta says what was run, so that it can be run again.
type Meta struct {
	Format   int               `json:"format"` // of the journal; see FormatVersion
	Scenario string            `json:"scenario"`
	Claim    string            `json:"claim"`
	Seed     uint64            `json:"seed"`
	Base     time.Time         `json:"base"` // wall time of offset zero
	Stack    string            `json:"stack"`
	Event    int               `json:"event"` // the drill's own sale
	Versions map[string]string `json:"versions,omitempty"`
	// Config is every setting of EventFlow's programs, by service and variable,
	// secrets left out: timeouts, lives of holds, sizes of pools.
	Config map[string]map[string]string `json:"config,omitempty"`
	// Mutant names the bug that was planted; empty: none.
	Mutant string `json:"mutant,omitempty"`
	// Spec is what the scenario expects, as the judge reads it.
	Spec json.RawMessage `json:"spec"`
	// Plan is the whole scenario as data, for the report and the re-run.
	Plan json.RawMessage `json:"plan,omitempty"`
}

// FormatVersion is the version of the journal that this package writes.
const FormatVersion = 1

// Sample is one observation of the servers, taken round the proxies. Used for
// witnesses and charts, never to acquit.
type Sample struct {
	At     time.Duration      `json:"at"`
	Values map[string]float64 `json:"values"` // "queue_ready", "purchases", "consumer_redelivered" ...
}

// History is a whole drill.
type History struct {
	Meta    Meta
	Phases  []Phase
	Ops     []Op // by ID
	Faults  []Fault
	Samples []Sample
	Updates []Update // in order of their version
	Hall    []string // seats of the sale in the order of Op.Free; nil: not noted
	Ledger  *Ledger  // nil: the drill ended before the audit
	Notes   []string // what the lab wants a reader to know
	// Complete says that the drill reached its end: phases closed, links healed,
	// stores drained and read. An incomplete history proves nothing.
	Complete bool
	// Truncated says that the journal's last line was cut off by a crash.
	Truncated bool
}
