package lease

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// undone writes down which leases were undone, and why.
type undone struct {
	mu    sync.Mutex
	log   []string
	fails int
	at    chan time.Time
}

func (u *undone) undo(l Lease, why Reason) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fails > 0 {
		u.fails--
		return errors.New("not yet")
	}
	u.log = append(u.log, l.Owner+" "+string(why))
	u.at <- time.Now()
	return nil
}

func newBook() (*Book, *undone) {
	u := &undone{at: make(chan time.Time, 2000)}
	return NewBook(u.undo), u
}

func TestALeaseLapsesAtItsTimeAndNotBefore(t *testing.T) {
	b, u := newBook()
	start := time.Now()
	l, err := b.Open("me", 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if took := (<-u.at).Sub(start); took < 300*time.Millisecond || took > 500*time.Millisecond {
		t.Errorf("undone after %s", took)
	}
	if err := b.Use(l.ID, func() error { return nil }); !errors.Is(err, ErrGone) {
		t.Errorf("used a lapsed lease: %v", err)
	}
}

func TestARenewedLeaseStays(t *testing.T) {
	b, u := newBook()
	l, err := b.Open("me", 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 12 {
		<-tick.C
		if _, err := b.Renew(l.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(u.at) != 0 {
		t.Error("a renewed lease was undone")
	}
	<-u.at
	if _, err := b.Renew(l.ID, 0); !errors.Is(err, ErrGone) {
		t.Errorf("renewed after its end: %v", err)
	}
}

// Whatever was done in a lease's name before its end is undone, and nothing is
// done in its name after: no fault slips in between.
func TestNothingSlipsThroughTheEnd(t *testing.T) {
	var mu sync.Mutex
	faults := map[string]bool{}
	healed := make(chan struct{}, 100)
	b := NewBook(func(l Lease, _ Reason) error {
		mu.Lock()
		defer mu.Unlock()
		delete(faults, l.ID)
		healed <- struct{}{}
		return nil
	})
	var busy sync.WaitGroup
	for n := range 50 {
		l, err := b.Open(fmt.Sprint(n), MinTTL)
		if err != nil {
			t.Fatal(err)
		}
		busy.Go(func() {
			for {
				err := b.Use(l.ID, func() error {
					mu.Lock()
					defer mu.Unlock()
					faults[l.ID] = true
					return nil
				})
				if err != nil {
					return
				}
			}
		})
	}
	busy.Wait()
	for range 50 {
		<-healed
	}
	mu.Lock()
	defer mu.Unlock()
	if len(faults) != 0 {
		t.Errorf("%d faults outlived their lease", len(faults))
	}
}

func TestUndoingIsTriedUntilItWorks(t *testing.T) {
	b, u := newBook()
	u.fails = 2
	l, err := b.Open("me", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Release(l.ID); err == nil {
		t.Error("a failed release says that it worked")
	}
	if got, err := b.Get(l.ID); err != nil || got.Problem == nil || got.Ending != Released {
		t.Errorf("%+v, %v", got, err)
	}
	<-u.at
	if u.log[0] != "me released" {
		t.Errorf("%v", u.log)
	}
}

func TestTheNumberOfLeasesIsBounded(t *testing.T) {
	b, _ := newBook()
	for n := range MaxOpen {
		if _, err := b.Open(strings.Repeat("x", 1+n%MaxOwner), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Open("one more", time.Hour); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v", err)
	}
	for _, l := range b.List() {
		if err := b.Release(l.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Open("one more", time.Hour); err != nil {
		t.Error(err)
	}
}
