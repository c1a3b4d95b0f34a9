package traffic

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"eventflow/scenarios/history"
)

// Stats is what the load generator says about itself, so that a judge can tell a
// shop that was slow from a lab that was.
type Stats struct {
	Streams map[string]StreamStats          `json:"streams"` // by the name of the rate in Sale: "buyers", "readers" ...
	Ops     map[history.Kind]map[string]int `json:"ops"`     // by kind and outcome
	Left    int                             `json:"left"`    // purchases whose buyers never learned what became of them
	Returns int                             `json:"returns"` // purchases that were asked for again after the last arrival
}

// StreamStats is one stream of arrivals.
type StreamStats struct {
	Arrived int `json:"arrived"` // sessions begun
	// Shed counts arrivals that met MaxOpen sessions and were sent home without
	// an op. More than a few: the load was not what the sale says.
	Shed int `json:"shed"`
	Open int `json:"open"` // sessions under way
	Peak int `json:"peak"` // the most that were under way at once
	// Lag is the longest delay between the intended and the real start of a
	// session: the lab's own lateness. It is part of the ops' Latency.
	Lag time.Duration `json:"lag"`
}

// Shed is the part of all arrivals that was shed, 0 to 1.
func (s Stats) Shed() float64 {
	var shed, all int
	for _, stream := range s.Streams {
		shed, all = shed+stream.Shed, all+stream.Arrived+stream.Shed
	}
	if all == 0 {
		return 0
	}
	return float64(shed) / float64(all)
}

// String is the numbers in one line for people.
func (s Stats) String() string {
	var b strings.Builder
	b.WriteString("traffic:")
	for _, name := range slices.Sorted(maps.Keys(s.Streams)) {
		st := s.Streams[name]
		fmt.Fprintf(&b, " %s %d (shed %d, peak %d open, lag %s);", name, st.Arrived, st.Shed, st.Peak, st.Lag.Round(time.Millisecond))
	}
	fmt.Fprintf(&b, " %d purchases asked for again after the sale, %d left in doubt", s.Returns, s.Left)
	return b.String()
}

// tally keeps Stats while sessions run.
type tally struct {
	mu    sync.Mutex
	stats Stats
}

// op counts one finished op.
func (t *tally) op(op history.Op) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stats.Ops == nil {
		t.stats.Ops = map[history.Kind]map[string]int{}
	}
	if t.stats.Ops[op.Kind] == nil {
		t.stats.Ops[op.Kind] = map[string]int{}
	}
	t.stats.Ops[op.Kind][string(op.Outcome)]++
}

// stream changes the numbers of one stream.
func (t *tally) stream(name string, change func(*StreamStats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stats.Streams == nil {
		t.stats.Streams = map[string]StreamStats{}
	}
	s := t.stats.Streams[name]
	change(&s)
	s.Peak = max(s.Peak, s.Open)
	t.stats.Streams[name] = s
}

// update changes the numbers of the whole.
func (t *tally) update(change func(*Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.stats)
}

// Stats is the state of things now; it may be called while a sale runs.
func (s *Shop) Stats() Stats {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	out := s.tally.stats
	out.Streams = maps.Clone(out.Streams)
	out.Ops = make(map[history.Kind]map[string]int, len(s.tally.stats.Ops))
	for kind, outcomes := range s.tally.stats.Ops {
		out.Ops[kind] = maps.Clone(outcomes)
	}
	return out
}
