// Package lease keeps promises that end by themselves: whoever holds a lease must
// renew it, and when it lapses what was done in its name is undone, whether or not
// its owner lives to ask for it.
//
// It must not know what is undone: a function that it is given does that.
package lease

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Bounds of what a caller may ask for.
const (
	MinTTL   = 100 * time.Millisecond
	MaxTTL   = 24 * time.Hour
	MaxOwner = 128 // bytes
	MaxOpen  = 1000
)

// retryEvery is the pause after an undoing that failed: a port that is taken, say.
const retryEvery = 200 * time.Millisecond

// What can be wrong with a request.
var (
	ErrGone    = errors.New("no such lease: it lapsed, or never was")
	ErrInvalid = errors.New("invalid lease")
	ErrTooMany = errors.New("too many leases")
)

// Reason is why a lease ended.
type Reason string

// The two ways to end.
const (
	Lapsed   Reason = "lapsed"
	Released Reason = "released"
)

// Lease is one lease at one moment.
type Lease struct {
	ID      string
	Owner   string
	TTL     time.Duration
	Left    time.Duration // until it lapses, by the monotonic clock
	Ending  Reason        // "" while it is in force
	Problem error         // why what it did is not undone yet
}

// Book is all leases. It is safe for use by several goroutines.
type Book struct {
	undo func(Lease, Reason) error

	mu     sync.Mutex
	leases map[string]*entry
}

type entry struct {
	id, owner string

	mu       sync.Mutex // held while something is done in the lease's name
	ttl      time.Duration
	deadline time.Time // with its monotonic reading: steps of the clock do not move it
	timer    *time.Timer
	ending   Reason
	problem  error
}

// NewBook has no leases. undo takes back what was done in a lease's name; it is
// called again until it returns nil, and must not call the book.
func NewBook(undo func(Lease, Reason) error) *Book {
	return &Book{undo: undo, leases: map[string]*entry{}}
}

// Open makes a lease that lapses after ttl.
func (b *Book) Open(owner string, ttl time.Duration) (Lease, error) {
	if err := checkOwner(owner); err != nil {
		return Lease{}, err
	}
	if err := checkTTL(ttl); err != nil {
		return Lease{}, err
	}
	e := &entry{id: rand.Text(), owner: owner, ttl: ttl, deadline: time.Now().Add(ttl)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.leases) >= MaxOpen {
		return Lease{}, fmt.Errorf("%w: at most %d", ErrTooMany, MaxOpen)
	}
	b.leases[e.id] = e
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timer = time.AfterFunc(ttl, func() { b.lapse(e) })
	return e.view(), nil
}

func checkOwner(owner string) error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case owner == "" || len(owner) > MaxOwner || strings.ContainsFunc(owner, unprintable):
		return fmt.Errorf("%w: the owner has 1 to %d printable bytes", ErrInvalid, MaxOwner)
	case owner == "none":
		return fmt.Errorf("%w: the owner \"none\" stands for no lease", ErrInvalid)
	}
	return nil
}

func checkTTL(ttl time.Duration) error {
	if ttl < MinTTL || ttl > MaxTTL {
		return fmt.Errorf("%w: the ttl is between %s and %s", ErrInvalid, MinTTL, MaxTTL)
	}
	return nil
}

// Renew makes the lease last its ttl from now; a ttl other than 0 replaces it.
func (b *Book) Renew(id string, ttl time.Duration) (Lease, error) {
	if ttl != 0 {
		if err := checkTTL(ttl); err != nil {
			return Lease{}, err
		}
	}
	e, err := b.find(id)
	if err != nil {
		return Lease{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over() {
		return Lease{}, ErrGone
	}
	if ttl != 0 {
		e.ttl = ttl
	}
	e.deadline = time.Now().Add(e.ttl)
	e.timer.Reset(e.ttl)
	return e.view(), nil
}

// Use runs do while the lease is sure to be in force. do must be quick: the
// lease's end waits for it.
func (b *Book) Use(id string, do func() error) error {
	e, err := b.find(id)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over() {
		return ErrGone
	}
	return do()
}

// Release ends the lease now. An error means that what it did is not undone yet;
// it is tried again until it is.
func (b *Book) Release(id string) error {
	e, err := b.find(id)
	if err != nil {
		return err
	}
	e.mu.Lock()
	if e.over() {
		e.mu.Unlock()
		return ErrGone
	}
	e.timer.Stop()
	e.ending = Released
	e.mu.Unlock()
	return b.finish(e)
}

// List are the leases, those that are ending included, sorted by owner.
func (b *Book) List() []Lease {
	b.mu.Lock()
	entries := slices.Collect(maps.Values(b.leases))
	b.mu.Unlock()
	out := make([]Lease, len(entries))
	for n, e := range entries {
		e.mu.Lock()
		out[n] = e.view()
		e.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b Lease) int { return strings.Compare(a.Owner+a.ID, b.Owner+b.ID) })
	return out
}

// Get is the lease of that id.
func (b *Book) Get(id string) (Lease, error) {
	e, err := b.find(id)
	if err != nil {
		return Lease{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.view(), nil
}

func (b *Book) find(id string) (*entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.leases[id]
	if !ok {
		return nil, ErrGone
	}
	return e, nil
}

// lapse is the timer's: the lease may have been renewed or released meanwhile.
func (b *Book) lapse(e *entry) {
	e.mu.Lock()
	if e.ending != "" || time.Now().Before(e.deadline) {
		e.mu.Unlock()
		return
	}
	e.ending = Lapsed
	e.mu.Unlock()
	_ = b.finish(e) // kept as the entry's problem, and tried again
}

// finish undoes what the lease did and forgets it, or tries again later.
func (b *Book) finish(e *entry) error {
	e.mu.Lock()
	view := e.view()
	e.mu.Unlock()
	err := b.undo(view, view.Ending)
	if err != nil {
		e.mu.Lock()
		e.problem = err
		e.mu.Unlock()
		time.AfterFunc(retryEvery, func() { _ = b.finish(e) }) // the same
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.leases, e.id)
	return nil
}

// over says whether nothing may be done in the lease's name any more. The caller
// holds mu.
func (e *entry) over() bool { return e.ending != "" || !time.Now().Before(e.deadline) }

// view is the lease as it is. The caller holds mu.
func (e *entry) view() Lease {
	return Lease{ID: e.id, Owner: e.owner, TTL: e.ttl, Left: max(0, time.Until(e.deadline)), Ending: e.ending, Problem: e.problem}
}
