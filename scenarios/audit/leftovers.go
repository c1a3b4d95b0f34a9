package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"eventflow/scenarios/history"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// The shop's keys in Redis, as its contract names them.
const (
	purchasingKey = "purchasing" // sorted set of lock ids that are being bought
	lockPrefix    = "lock:"      // lock:<id>: a hash; also the value of a held seat
	soldPrefix    = "sold:"      // value of a sold seat: sold:<transaction>
	boughtSuffix  = ":purchasing"
)

// transactions is the name space of purchases in the shop's public contract.
var transactions = uuid.MustParse("6f6a1a0e-6f0b-5c43-9d0a-2f6f5e5a7f10")

// mark is what Redis says of one seat.
type mark struct {
	seat, value string
	left        time.Duration // until it lapses; -1 ns: never
}

// claim is a lock's record.
type claim struct {
	id, state string
	event     int // 0: there is no record
	seats     []string
}

// transaction is the purchase that the lock can become.
func (c claim) transaction() string { return uuid.NewSHA1(transactions, []byte(c.id)).String() }

// seats tells what Redis says of the event's seats, and which of them are kept from
// the next buyer by something that is over; purchases that still count as under way
// are among those.
func (a *Auditor) seats(ctx context.Context, event int, ledger []history.PurchaseRow) ([]history.SeatHold, []string, error) {
	marks, err := a.marks(ctx, event)
	if err != nil {
		return nil, nil, fmt.Errorf("read seats in redis: %w", err)
	}
	underWay, err := a.underWay(ctx, event)
	if err != nil {
		return nil, nil, fmt.Errorf("read purchases under way in redis: %w", err)
	}
	claims, err := a.claims(ctx, lockIDs(marks))
	if err != nil {
		return nil, nil, fmt.Errorf("read locks in redis: %w", err)
	}
	return holds(marks, claims), stuck(marks, claims, underWay, ledger), nil
}

// holds is what Redis says of each seat, by seat.
func holds(marks []mark, claims map[string]claim) []history.SeatHold {
	out := make([]history.SeatHold, 0, len(marks))
	for _, m := range marks {
		h := history.SeatHold{Seat: m.seat, TTL: m.left}
		if id, ok := m.lock(); ok {
			h.Lock, h.State = id, claims[id].state
		} else if strings.HasPrefix(m.value, soldPrefix) {
			h.State = "sold"
		}
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b history.SeatHold) int { return strings.Compare(a.Seat, b.Seat) })
	return out
}

func stuck(marks []mark, claims, underWay map[string]claim, ledger []history.PurchaseRow) []string {
	status := make(map[string]string, len(ledger))
	for _, p := range ledger {
		status[p.Transaction] = p.Status
	}
	out := []string{}
	for _, m := range marks {
		if why := m.stuck(claims, underWay, status); why != "" {
			out = append(out, fmt.Sprintf("%s (%s: %s)", m.seat, m.value, why))
		}
	}
	for _, c := range underWay {
		out = append(out, fmt.Sprintf("%s (purchase %s of lock %s still counts as under way, state %q, ledger %q)",
			strings.Join(c.seats, ","), c.transaction(), c.id, c.state, status[c.transaction()]))
	}
	slices.Sort(out)
	return out
}

// stuck says why the mark should not be there; empty: it may.
func (m mark) stuck(claims map[string]claim, underWay map[string]claim, ledger map[string]string) string {
	if transaction, ok := strings.CutPrefix(m.value, soldPrefix); ok {
		if ledger[transaction] != "CONFIRMED" {
			return fmt.Sprintf("the ledger says %q of it", ledger[transaction])
		}
		return ""
	}
	id, ok := m.lock()
	if !ok {
		return "nobody knows this value"
	}
	c := claims[id]
	bought := strings.HasSuffix(m.value, boughtSuffix)
	_, open := underWay[id]
	switch status := ledger[c.transaction()]; {
	case status != "":
		return "its purchase is " + status
	case c.event == 0:
		return "its lock has no record"
	case slices.Contains([]string{"confirmed", "rejected", "released", "abandoned"}, c.state):
		return "its lock is " + c.state
	case bought && !open:
		return "its purchase is no longer under way"
	case !bought && m.left < 0:
		return "held without a time limit"
	}
	return ""
}

// lock is the id of the lock that holds the seat.
func (m mark) lock() (id string, ok bool) {
	id, ok = strings.CutPrefix(m.value, lockPrefix)
	return strings.TrimSuffix(id, boughtSuffix), ok
}

func lockIDs(marks []mark) []string {
	var ids []string
	for _, m := range marks {
		if id, ok := m.lock(); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// marks reads every seat of the event that Redis says something of.
func (a *Auditor) marks(ctx context.Context, event int) ([]mark, error) {
	prefix := "seat:" + strconv.Itoa(event) + ":"
	keys := map[string]bool{} // SCAN may name a key twice
	scan := a.redis.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for scan.Next(ctx) {
		keys[scan.Val()] = true
	}
	if err := scan.Err(); err != nil {
		return nil, err
	}
	values, lefts := map[string]*redis.StringCmd{}, map[string]*redis.DurationCmd{}
	_, err := a.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for key := range keys {
			values[key], lefts[key] = p.Get(ctx, key), p.PTTL(ctx, key)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) { // a key may lapse between SCAN and GET
		return nil, err
	}
	var out []mark
	for key := range keys {
		if values[key].Err() == nil {
			out = append(out, mark{seat: strings.TrimPrefix(key, prefix), value: values[key].Val(), left: lefts[key].Val()})
		}
	}
	return out, nil
}

// underWay are the purchases of the event that Redis counts as being bought. One
// whose lock has no record belongs to no event and is nobody's here.
func (a *Auditor) underWay(ctx context.Context, event int) (map[string]claim, error) {
	ids, err := a.redis.ZRange(ctx, purchasingKey, 0, -1).Result()
	if err != nil {
		return nil, err
	}
	claims, err := a.claims(ctx, ids)
	if err != nil {
		return nil, err
	}
	for id, c := range claims {
		if c.event != event {
			delete(claims, id)
		}
	}
	return claims, nil
}

// claims reads the records of locks.
func (a *Auditor) claims(ctx context.Context, ids []string) (map[string]claim, error) {
	records := make(map[string]*redis.SliceCmd, len(ids))
	_, err := a.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, id := range ids {
			records[id] = p.HMGet(ctx, lockPrefix+id, "event", "state", "seats")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make(map[string]claim, len(ids))
	for id, record := range records {
		if out[id], err = readClaim(id, record.Val()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readClaim(id string, fields []any) (claim, error) {
	c := claim{id: id}
	text := func(i int) string { s, _ := fields[i].(string); return s } // absent: nil
	if text(0) == "" {
		return c, nil
	}
	var err error
	if c.event, err = strconv.Atoi(text(0)); err != nil {
		return c, fmt.Errorf("record of lock %s: %w", id, err)
	}
	c.state = text(1)
	if err := json.Unmarshal([]byte(text(2)), &c.seats); err != nil {
		return c, fmt.Errorf("record of lock %s: %w", id, err)
	}
	return c, nil
}
