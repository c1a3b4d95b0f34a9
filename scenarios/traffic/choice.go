package traffic

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// stream is a source of chance for one purpose. Every purpose has its own, so
// that one more buyer does not move the arrivals, and a new question asked of
// buyer 7 does not change buyer 8.
func stream(seed uint64, purpose string, k int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose)) // a hash.Hash never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()+uint64(k)*0x9e3779b97f4a7c15))
}

// crowd says how long a block of hot seats stays hot: for crowd buyers a seat.
// Then the next block is: seats that everybody wants exist in every phase of a
// drill, not only in its first second.
const crowd = 4

// maxTries is how many sets of seats a buyer asks for before going home.
const maxTries = 4

// choice is everything that buyer k will ever decide by chance, drawn before the
// buyer arrives. It is a pure function of (sale, k): answers and clocks choose
// between its branches and never draw.
type choice struct {
	registers bool
	extends   bool
	ending    ending
	insists   bool  // tries the preferred seats even if the map shows them taken
	party     int   // seats wanted together, 1 to 3
	ranking   []int // seats of the hall by preference, as places in its order
	requests  [maxTries]uuid.UUID
	thinks    [8]float64  // multiples of Sale.Think
	jitters   [16]float64 // 0.5 to 1.5, for waits before retries and polls

	presses   bool // presses "buy" several times at once
	hesitates bool // holds its seats for Sale.HoldFor first
	block     int  // asks for none but the first so many of its ranking; 0: for any
	guest     int  // whose old token it comes with, see Sale.OldTokens
}

// ending is what a buyer does with seats that are held.
type ending int

const (
	buys      ending = iota
	givesBack        // releases them
	walksAway        // lets them lapse
)

// choose draws buyer k's choices for a hall of that many seats.
func (s Sale) choose(k, seats int) choice {
	r := stream(s.Seed, "buyer", k)
	c := choice{
		registers: r.Float64() < s.RegisterShare,
		extends:   r.Float64() < s.ExtendShare,
		ending:    s.ending(r.Float64()),
		insists:   r.Float64() < 0.3,
		party:     min(1+r.IntN(3), seats),
	}
	stubborn := s.chance("stubborn", k, s.StubbornShare)
	hot := r.Float64() < s.HotShare || stubborn
	for i := range c.requests {
		c.requests[i] = randomUUID(r)
	}
	for i := range c.thinks {
		c.thinks[i] = math.Min(r.ExpFloat64(), 5)
	}
	for i := range c.jitters {
		c.jitters[i] = 0.5 + r.Float64()
	}
	c.ranking = s.rank(r, k, seats, hot)
	if stubborn {
		c.block = min(s.HotSeats, seats)
	}
	c.presses = s.chance("press", k, s.PressShare)
	c.hesitates = s.chance("hold", k, s.HoldShare)
	c.guest = stream(s.Seed, "old token", k).IntN(oldTokens)
	return c
}

// chance answers a question that was first asked when sales were already being
// replayed: its stream is its own, so that asking moves no other answer.
func (s Sale) chance(purpose string, k int, share float64) bool {
	return stream(s.Seed, purpose, k).Float64() < share
}

func (s Sale) ending(p float64) ending {
	switch {
	case p < s.PurchaseShare:
		return buys
	case p < s.PurchaseShare+s.AbandonShare:
		return givesBack
	default:
		return walksAway
	}
}

// rank orders the hall by preference. A hot buyer puts the block that is hot
// among buyers near k first.
func (s Sale) rank(r *rand.Rand, k, seats int, hot bool) []int {
	all := r.Perm(seats)
	block := min(s.HotSeats, seats)
	if !hot || block == 0 {
		return all
	}
	first := k / (crowd * block) * block
	ranking := make([]int, 0, seats)
	for _, i := range r.Perm(block) {
		ranking = append(ranking, (first+i)%seats)
	}
	for _, seat := range all {
		if (seat-first%seats+seats)%seats >= block {
			ranking = append(ranking, seat)
		}
	}
	return ranking
}

// think is the pause before the buyer's nth step.
func (c choice) think(s Sale, n int) time.Duration {
	return time.Duration(c.thinks[n%len(c.thinks)] * float64(s.Think))
}

// backoff is the wait before retry n (from 0): doubled each time up to 4 s, and
// jittered so that buyers who were cut off together do not return together.
func (c choice) backoff(s Sale, n int) time.Duration {
	wait := min(s.Backoff<<min(n, 10), 4*time.Second)
	return time.Duration(c.jitters[n%len(c.jitters)] * float64(wait))
}

func randomUUID(r *rand.Rand) uuid.UUID {
	var u uuid.UUID
	for i := range u {
		u[i] = byte(r.Uint32())
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80 // version 4, RFC 4122
	return u
}

// transactions is the name space of purchases in the shop's public contract:
// transaction_id = UUIDv5(this, lock_id).
var transactions = uuid.MustParse("6f6a1a0e-6f0b-5c43-9d0a-2f6f5e5a7f10")

// TransactionID is the purchase that a lock can become. The lab computes it, so
// that a purchase whose answer was lost has an id to look for in the ledger.
func TransactionID(lockID string) string {
	return uuid.NewSHA1(transactions, []byte(lockID)).String()
}
