package tamper

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// PoisonID is how the message ids of poisons begin.
const PoisonID = "poison-"

// transactions is the name space of purchases in the shop's public contract:
// transaction_id = UUIDv5(this, lock_id).
var transactions = uuid.MustParse("6f6a1a0e-6f0b-5c43-9d0a-2f6f5e5a7f10")

// purchase is the message that travels from the shop to the ledger, field by field
// as the shop writes it.
type purchase struct {
	Transaction string    `json:"transaction_id"`
	LockID      string    `json:"lock_id"`
	User        string    `json:"user"`
	Event       int       `json:"event_id"`
	Seats       []string  `json:"seats"`
	AmountCents int       `json:"amount_cents"`
	Node        string    `json:"node"`
	AcceptedAt  time.Time `json:"accepted_at"`
}

// Events and seats that no hall has.
const (
	noEvent = 2_147_000_000
	noSeat  = "NONE-0"
)

// poisons are the ways in which a message can be no purchase. Each takes one that
// would do.
var poisons = []struct {
	name  string
	spoil func(purchase) any
}{
	{"not-json", func(purchase) any { return nil }},
	{"other-json", func(purchase) any { return map[string]any{"invoice": 7, "lines": []string{"a", "b"}} }},
	{"unknown-event", func(p purchase) any { p.Event = noEvent; return p }},
	{"unknown-seat", func(p purchase) any { p.Seats = []string{noSeat}; return p }},
	{"wrong-id", func(p purchase) any { p.Transaction = uuid.NewString(); return p }},
}

// nextPoison is a message that can never be stored, and its id.
func (m *Meddler) nextPoison() (id string, body []byte, err error) {
	kind := poisons[m.poisoned%len(poisons)]
	m.poisoned++
	id = fmt.Sprintf("%s%s-%d-%s", PoisonID, kind.name, m.poisoned, uuid.NewString()[:8]) // another drill's poisons may lie there, too
	sound := purchase{LockID: id, Transaction: uuid.NewSHA1(transactions, []byte(id)).String(), User: "guest-" + id, Event: m.event,
		Seats: []string{"A-1"}, AmountCents: 1, Node: name, AcceptedAt: time.Now().UTC()}
	spoilt := kind.spoil(sound)
	if spoilt == nil {
		return id, []byte("this is no purchase: " + id), nil
	}
	body, err = json.Marshal(spoilt)
	return id, body, err
}

func (m *Meddler) poisonOne(ctx context.Context) error {
	m.counting.Lock()
	defer m.counting.Unlock()
	id, body, err := m.nextPoison()
	if err != nil {
		return fmt.Errorf("write poison %s: %w", id, err)
	}
	if err := m.broker.publish(ctx, id, body); err != nil {
		return err
	}
	m.ids = append(m.ids, id)
	return nil
}

func (m *Meddler) poison(ctx context.Context, t Tamper) (Effect, error) {
	n, before := t.count(1), len(m.Poisoned())
	for range n {
		if err := m.poisonOne(ctx); err != nil {
			return Effect{}, err
		}
	}
	sent := m.Poisoned()[before:]
	if t.Every > 0 {
		m.later("poison", begin(t.Every, m.poisonOne), nil)
	}
	return Effect{ReadBack: fmt.Sprintf("the broker confirmed %s", strings.Join(sent, ", ")),
		Symptom: fmt.Sprintf("%d messages in the queue that can never be stored", n), Bit: true}, nil
}

// Poisoned are the message ids of the poisons that the broker has confirmed so far:
// what the dead letters should hold in the end.
func (m *Meddler) Poisoned() []string {
	m.counting.Lock()
	defer m.counting.Unlock()
	return slices.Clone(m.ids)
}

func (m *Meddler) republish(ctx context.Context, t Tamper) (Effect, error) {
	round := 0
	again := func(ctx context.Context) (int, error) { round++; return m.republishSome(ctx, t.count(1), round) }
	n, err := bite(ctx, again)
	if err != nil {
		return Effect{}, err
	}
	m.later("republish", begin(t.pace(), func(ctx context.Context) error {
		_, err := again(ctx)
		return err
	}), nil)
	return Effect{ReadBack: fmt.Sprintf("the broker confirmed %d", n),
		Symptom: fmt.Sprintf("%d purchases of the ledger are in the queue again", n), Bit: n > 0}, nil
}

// republishSome publishes n purchases of the ledger again, other ones each round.
func (m *Meddler) republishSome(ctx context.Context, n, round int) (done int, err error) {
	some, err := m.settled(ctx, n, round)
	if err != nil {
		return 0, err
	}
	for _, p := range some {
		body, err := json.Marshal(p)
		if err != nil {
			return done, fmt.Errorf("write purchase %s: %w", p.Transaction, err)
		}
		if err := m.broker.publish(ctx, p.Transaction, body); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

// settled are n purchases of the sale that the ledger has, in an order that the
// round decides. The ledger does not know locks; the shop's record of the purchase
// does, and must prove the id.
func (m *Meddler) settled(ctx context.Context, n, round int) ([]purchase, error) {
	rows, err := m.postgres.Query(ctx, `select transaction_id::text, user_id, event_id, seats, amount_cents, node, accepted_at
		from purchases where event_id = $1 order by md5(transaction_id::text || $2::int) limit $3`, m.event, round, n)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p purchase, err error) {
		err = row.Scan(&p.Transaction, &p.User, &p.Event, &p.Seats, &p.AmountCents, &p.Node, &p.AcceptedAt)
		p.AcceptedAt = p.AcceptedAt.UTC()
		return p, err
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	keys := make([]string, len(found))
	for i, p := range found {
		keys[i] = "purchase:" + p.Transaction
	}
	locks, err := m.redis.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("ask for the locks of purchases: %w", err)
	}
	for i := range found {
		found[i].LockID, _ = locks[i].(string) // absent: nil
	}
	return slices.DeleteFunc(found, func(p purchase) bool {
		return uuid.NewSHA1(transactions, []byte(p.LockID)).String() != p.Transaction
	}), nil
}
