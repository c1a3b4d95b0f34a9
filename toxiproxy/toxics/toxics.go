// Package toxics says what each kind of toxic does to the bytes of one direction
// of one connection: how many go out together, when, and whether the connection
// ends. It works on numbers and times alone: a toxic is asked about the piece at
// the head of a queue and never waits, so that none can hold up a heal.
//
// It must not know sockets, goroutines, proxies or leases.
package toxics

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Toxic is the settings of one toxic. They do not change: an update makes a new
// one, so that a connection may go on reading the old.
type Toxic interface {
	// Shape changes what becomes of the piece. It is asked again about the same
	// piece whenever something else changed meanwhile, so it must not count; see
	// Counter.
	Shape(p *Piece, m *Memory)
}

// Counter is a toxic that remembers what went out.
type Counter interface {
	// Sent is called when n bytes have gone out, late by that much after they were due.
	Sent(n int, late time.Duration, m *Memory)
}

// Timer is a toxic that ends a connection by the clock.
type Timer interface {
	// Deadline is when the connection ends if nothing else happens; false: never.
	Deadline(m *Memory) (time.Time, bool)
}

// Neutral is a toxic whose settings can make it do nothing.
type Neutral interface {
	Neutral() bool
}

// Piece is what happens next on one direction of a connection.
type Piece struct {
	Chunk   uint64    // which read it comes from
	Arrived time.Time // when it was read
	Bytes   int       // how many bytes go out together, from the front of the chunk; 0 at the stream's end
	Due     time.Time // not before
	Held    bool      // not before the toxics change
	Drop    bool      // the bytes are lost instead
	After   End       // what follows the bytes
}

// end says whether the piece is the end of the stream and not bytes.
func (p *Piece) end() bool { return p.Bytes == 0 && p.After != None }

// End is how a direction or a connection ends.
type End int

// The ways to end.
const (
	None   End = iota
	Finish     // this direction ends: the other side reads EOF
	Close      // the connection ends: both sides read EOF
	Abort      // the connection ends: both sides read a reset
)

// Memory is what one toxic remembers about one direction of one connection.
type Memory struct {
	Dice  *Dice
	Since time.Time // when it began, or last had to do with a chunk

	sent  int64         // limit_data: bytes let through
	free  time.Time     // bandwidth, slicer: when the next piece may leave
	out   time.Time     // bandwidth: when the piece in question leaves this toxic
	chunk uint64        // latency, slicer: the chunk that drawn is for
	drawn time.Duration // latency: its delay
	slice int           // slicer: its next slice's size
}

// Dice is the one source of randomness, seeded, for all connections.
type Dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

// NewDice makes dice that fall the same way for the same seed.
func NewDice(seed int64) *Dice {
	return &Dice{r: rand.New(rand.NewPCG(uint64(seed), 0))}
}

// Float is in [0, 1).
func (d *Dice) Float() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.Float64()
}

// spread is in [-n, n).
func (d *Dice) spread(n int64) int64 {
	if n <= 0 {
		return 0
	}
	return int64((2*d.Float() - 1) * float64(n))
}

// New is the kind's toxic with every setting 0, nil if there is no such kind.
func New(kind string) Toxic {
	switch kind {
	case "bandwidth":
		return new(Bandwidth)
	case "hold":
		return new(Hold)
	case "latency":
		return new(Latency)
	case "limit_data":
		return new(LimitData)
	case "noop":
		return new(Noop)
	case "reset":
		return new(Reset)
	case "reset_peer":
		return new(ResetPeer)
	case "slicer":
		return new(Slicer)
	case "slow_close":
		return new(SlowClose)
	case "timeout":
		return new(Timeout)
	}
	return nil
}

// Kinds are the names that New knows, sorted.
func Kinds() []string {
	return []string{"bandwidth", "hold", "latency", "limit_data", "noop", "reset", "reset_peer", "slicer", "slow_close", "timeout"}
}

// ErrSettings says that the settings do not fit the kind. The text is the stock server's.
var ErrSettings = errors.New("bad request body")

// Merge is a copy of the toxic with the given settings changed and the others kept.
func Merge(kind string, old Toxic, settings json.RawMessage) (Toxic, error) {
	fresh := New(kind)
	if old != nil {
		b, err := json.Marshal(old)
		if err != nil {
			return nil, fmt.Errorf("copy a %s toxic: %w", kind, err)
		}
		if err := json.Unmarshal(b, fresh); err != nil {
			return nil, fmt.Errorf("copy a %s toxic: %w", kind, err)
		}
	}
	if len(settings) == 0 {
		return fresh, nil
	}
	if err := json.Unmarshal(settings, fresh); err != nil {
		return nil, fmt.Errorf("%w: attributes of a %s toxic: %w", ErrSettings, kind, err)
	}
	return fresh, nil
}

// IsNeutral says whether the toxic does nothing.
func IsNeutral(t Toxic) bool {
	n, ok := t.(Neutral)
	return ok && n.Neutral()
}

// longest is the longest time a setting can stand for. It is for ever as far as a
// drill can tell, and can be added to any time without overflow.
const longest = 365 * 24 * time.Hour

// times is n units as a duration between 0 and longest.
func times(n int64, unit time.Duration) time.Duration {
	switch {
	case n <= 0:
		return 0
	case n >= int64(longest/unit):
		return longest
	}
	return time.Duration(n) * unit
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
