package cache

import (
	"math/rand/v2"
	"sync"
	"time"
)

// maxKeys bounds what a node remembers: ids come from the outside.
const maxKeys = 1024

// shelf is a node's own memory of the last value of each id.
type shelf[T any] struct {
	mu    sync.RWMutex
	items map[int]item[T]
}

type item[T any] struct {
	value T
	at    time.Time // when it was laid down
}

func (i item[T]) younger(than time.Duration) bool { return time.Since(i.at) < than }

func (s *shelf[T]) get(id int, keep time.Duration) (item[T], bool) {
	s.mu.RLock()
	i, ok := s.items[id]
	s.mu.RUnlock()
	return i, ok && i.younger(keep)
}

func (s *shelf[T]) put(id int, v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items == nil || len(s.items) >= maxKeys {
		s.items = make(map[int]item[T])
	}
	s.items[id] = item[T]{value: v, at: time.Now()}
}

// failures remembers which reads of the store have just failed, so that they
// are not all tried again by everybody who waits.
type failures struct {
	backoff time.Duration
	mu      sync.Mutex
	last    map[string]failure
}

type failure struct {
	err   error
	until time.Time
}

func (f *failures) recent(key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.last[key]; ok && time.Now().Before(e.until) {
		return e.err
	}
	return nil
}

// note draws the time anew for each failure, a fifth more or less, so that
// nodes come back apart.
func (f *failures) note(key string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil || len(f.last) >= maxKeys {
		f.last = make(map[string]failure)
	}
	wait := f.backoff*4/5 + rand.N(f.backoff*2/5)
	f.last[key] = failure{err: err, until: time.Now().Add(wait)}
}
