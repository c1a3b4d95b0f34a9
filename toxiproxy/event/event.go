// Package event keeps what a server did lately, numbered, for whoever asks later.
//
// It must not know what the events are about, nor HTTP.
package event

import (
	"crypto/rand"
	"sync"
	"time"
)

// Event is one thing that happened.
type Event struct {
	Seq   uint64    `json:"seq"` // from 1, without gaps
	Time  time.Time `json:"time"`
	Type  string    `json:"type"`
	Lease string    `json:"lease,omitempty"`
	Owner string    `json:"owner,omitempty"`
	Proxy string    `json:"proxy,omitempty"`
	Fault string    `json:"fault,omitempty"`
	Text  string    `json:"text"`
}

// Log is the latest events. It is safe for use by several goroutines.
type Log struct {
	boot string

	mu     sync.Mutex
	events []Event // at most kept, oldest first
	last   uint64
	news   chan struct{} // closed at the next event
}

// kept is how many events are remembered: hours of drills.
const kept = 4096

// NewLog is empty and has a name of its own.
func NewLog() *Log { return &Log{boot: rand.Text(), news: make(chan struct{})} }

// Boot tells this log from the one of the server's previous life: their numbers
// are not comparable.
func (l *Log) Boot() string { return l.boot }

// Add numbers the event, dates it and keeps it.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Seq, e.Time = l.last, time.Now().UTC()
	if len(l.events) == kept {
		l.events = append(l.events[:0], l.events[1:]...)
	}
	l.events = append(l.events, e)
	close(l.news)
	l.news = make(chan struct{})
}

// Since are the events after number seq, how many more there were that are
// forgotten, and a channel that is closed when there is a newer one.
func (l *Log) Since(seq uint64) (events []Event, missed uint64, news <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.last - uint64(len(l.events)) // number before the oldest kept
	if seq < oldest {
		missed, seq = oldest-seq, oldest
	}
	if seq < l.last {
		events = append(events, l.events[seq-oldest:]...)
	}
	return events, missed, l.news
}
