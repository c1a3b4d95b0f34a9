package audit

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// pollEvery is the pause between two looks of a drain.
const pollEvery = 250 * time.Millisecond

// quiet is one look: what is still under way, and what has been done so far.
type quiet struct {
	left     []string // empty: nothing is under way
	rows     int      // purchases of the event in the ledger
	received float64  // deliveries so far
}

// Drain waits until nothing of the event is under way any more: no message ready
// or unacknowledged, none held by the consumer, no purchase that Redis counts as
// being bought, and nothing of that changed in any look for quiesce, or for
// Config.QueueLag if that is longer: what the broker says may be that old. It wants
// two looks at least, the last of which begins that long after the first has ended,
// so a stack that is quiet from the start takes little more than that. progress is told what is left whenever that changes.
//
// When ctx ends first, the error says what was left.
func (a *Auditor) Drain(ctx context.Context, event int, quiesce time.Duration, progress func(left string)) error {
	window := max(quiesce, a.config.QueueLag)
	last := quiet{left: []string{"unknown, no look was finished"}}
	told := ""
	var since time.Time // when the first of the looks ended that are equal and empty; zero: the last was not
	for {
		begun := time.Now()
		now := a.look(ctx, event)
		switch {
		case ctx.Err() != nil: // a look that was cut short says nothing
			return fmt.Errorf("drain event %d: %w; left: %s", event, ctx.Err(), last)
		case len(now.left) > 0:
			since = time.Time{}
		case since.IsZero() || now.rows != last.rows || now.received != last.received:
			since = time.Now()
		case begun.Sub(since) >= window:
			return nil
		}
		last = now
		if text := now.String(); progress != nil && text != told {
			progress(text)
			told = text
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("drain event %d: %w; left: %s", event, ctx.Err(), last)
		case <-time.After(untilNext(since, window)):
		}
	}
}

// untilNext is the pause before the next look: the one that may be the last comes as
// soon as the window has passed.
func untilNext(since time.Time, window time.Duration) time.Duration {
	if since.IsZero() {
		return pollEvery
	}
	return min(pollEvery, max(0, time.Until(since.Add(window))))
}

// String is what is left, for people.
func (q quiet) String() string {
	if len(q.left) == 0 {
		return fmt.Sprintf("nothing under way, %d purchases in the ledger; waiting whether it stays so", q.rows)
	}
	return strings.Join(q.left, ", ")
}

// look asks every source once. One that does not answer may hide anything, so it
// counts as something left.
func (a *Auditor) look(ctx context.Context, event int) (q quiet) {
	ctx, cancel := context.WithTimeout(ctx, 4*lookDeadline)
	defer cancel()
	note := func(format string, args ...any) { q.left = append(q.left, fmt.Sprintf(format, args...)) }
	if d, err := a.queues(ctx); err != nil {
		note("%v", err)
	} else if d.Ready+d.Unacked > 0 {
		note("%d messages ready and %d unacknowledged", d.Ready, d.Unacked)
	}
	sums := a.scrape(ctx)
	q.received = sums["consumer_received"]
	if held, ok := sums[inflight]; !ok && a.knows(consumer) {
		note("the consumer does not say what it holds")
	} else if held > 0 {
		note("%g messages held by the consumer", held)
	}
	if open, err := a.underWay(ctx, event); err != nil {
		note("read purchases under way in redis: %v", err)
	} else if len(open) > 0 {
		note("%d purchases under way in redis, such as %s", len(open), example(open))
	}
	var err error
	if q.rows, err = a.rowsOf(ctx, event); err != nil {
		note("count the ledger: %v", err)
	}
	return q
}

// knows says whether anybody has told where the program answers. Of one that nobody
// knows the broker's word has to do: what it holds, it has not acknowledged.
func (a *Auditor) knows(program string) bool { _, ok := a.config.Health[program]; return ok }

// example describes one of the purchases, always the same one.
func example(open map[string]claim) string {
	var first claim
	for id, c := range open {
		if first.id == "" || id < first.id {
			first = c
		}
	}
	return fmt.Sprintf("%s (lock %s, %s)", first.transaction(), first.id, first.state)
}
