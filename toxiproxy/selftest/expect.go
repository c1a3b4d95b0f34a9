package selftest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventflow/toxiproxy/fault"
)

// during is the client's time under the fault: what it does and has to feel.
func (c *cell) during(ctx context.Context, f fault.Fault, r *Result) error {
	if f.Kind == fault.KindFlap && c.connection == New {
		return c.flaps(ctx, time.Duration(f.Period), r)
	}
	if c.connection == New {
		c.client = connect(ctx, c.addr)
	}
	switch f.Kind {
	case fault.KindCut, fault.KindReset, fault.KindFlap:
		return c.ends(f, r)
	case fault.KindSlow, fault.KindTrickle:
		return c.isSlow(f, r)
	case fault.KindLate:
		return c.isLate(time.Duration(f.Delay), r)
	case fault.KindTruncate:
		return c.breaksOff(f.Bytes, r)
	}
	return c.isSilent(f, r)
}

// ends: a pooled connection ends while it is idle, a new one is not made.
func (c *cell) ends(f fault.Fault, r *Result) error {
	got := c.client.idle(c.exchange(), time.Duration(f.Period)+dialDeadline)
	r.With = got.String()
	var right bool
	switch {
	case f.Kind == fault.KindReset:
		right = got.outcome == wasReset
	case c.connection == New:
		right = got.outcome == refused
	default:
		right = got.over()
	}
	return unless(right, r.With, f.Kind)
}

func (c *cell) isSlow(f fault.Fault, r *Result) error {
	longest := 2 * time.Second // of a trickle: some hundred bytes at 1KB/s
	if f.Kind == fault.KindSlow {
		longest = time.Duration(f.Delay + f.Jitter)
	}
	got := c.client.exchange(c.exchange(), longest+dialDeadline)
	r.With = got.String()
	return unless(got.outcome == answered && got.took >= c.least(f, got), r.With, f.Kind)
}

// isLate: nothing has arrived when the client hangs up, and all of it does later.
func (c *cell) isLate(delay time.Duration, r *Result) error {
	got := c.client.exchange(c.exchange(), delay/3)
	before, _ := c.tap.since(c.client.said, time.Now())
	c.client.close()
	after, first := c.awaits(len(c.request()), delay+dialDeadline)
	r.With = fmt.Sprintf("%s, hung up; %d bytes arrived after %s", got, after, first.Sub(c.client.said).Round(time.Millisecond))
	late := after == len(c.request()) && first.Sub(c.client.said) >= delay
	return unless(got.outcome == silent && before == 0 && late, r.With, fault.KindLate)
}

// awaits waits until so many bytes of the client's have arrived, and says how many
// did, and when the first.
func (c *cell) awaits(bytes int, within time.Duration) (int, time.Time) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); ; <-tick.C {
		n, first := c.tap.since(c.client.said, time.Now())
		if n >= bytes || time.Now().After(end) {
			return n, first
		}
	}
}

func (c *cell) breaksOff(bytes int64, r *Result) error {
	got := c.client.exchange(c.exchange(), dialDeadline)
	r.With = got.String()
	return unless(got.outcome == brokeOff && int64(got.bytes) == bytes, r.With, fault.KindTruncate)
}

// isSilent: whether requests arrive nevertheless is what tells the silent faults
// from one another.
func (c *cell) isSilent(f fault.Fault, r *Result) error {
	got := c.client.exchange(c.exchange(), c.patience)
	arrive := f.Kind == fault.KindLoseReplies || f.Kind == fault.KindHold && f.Direction == fault.Down
	want := 0
	if arrive {
		want = len(c.request())
	}
	n, _ := c.awaits(want, dialDeadline)
	r.With = fmt.Sprintf("%s; %d of %d bytes arrived", got, n, len(c.request()))
	return unless(got.outcome == silent && n == want, r.With, f.Kind)
}

// flaps: refused and answered by turns, as often as two periods allow.
func (c *cell) flaps(ctx context.Context, period time.Duration, r *Result) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	seen := map[outcome]int{}
	for end := time.Now().Add(2*period + dialDeadline); time.Now().Before(end) && (seen[refused] == 0 || seen[answered] == 0); <-tick.C {
		seen[c.fresh(ctx).outcome]++
	}
	r.With = fmt.Sprintf("refused %d times, answered %d times", seen[refused], seen[answered])
	return unless(seen[refused] > 0 && seen[answered] > 0, r.With, fault.KindFlap)
}

// aftermath is what becomes of the connection when its fault is healed.
func (c *cell) aftermath(f fault.Fault, r *Result) error {
	switch f.Kind {
	case fault.KindHold:
		return c.goesOn(r)
	case fault.KindHang, fault.KindLoseReplies, fault.KindLoseRequests:
		return c.isOver(f, r)
	case fault.KindSlow, fault.KindTrickle:
		r.After = "lived"
	default:
		r.After = "had ended"
	}
	return nil
}

// goesOn: the same connection brings the answer to what was said while it was held.
func (c *cell) goesOn(r *Result) error {
	got := c.client.hear(c.exchange(), dialDeadline)
	r.After = got.String()
	if got.outcome != answered {
		return fmt.Errorf("the connection that was held: %s", got)
	}
	return nil
}

// isOver: the connection has lost bytes and must not go on, and lost requests must
// not arrive after all.
func (c *cell) isOver(f fault.Fault, r *Result) error {
	got := c.client.hear(c.exchange(), dialDeadline)
	r.After = got.String()
	if !got.over() {
		return fmt.Errorf("the connection that lost bytes: %s", got)
	}
	if f.Kind == fault.KindLoseReplies {
		return nil
	}
	if n, _ := c.tap.since(c.client.said, c.healed); n > 0 {
		return fmt.Errorf("%d bytes of a lost request arrived late", n)
	}
	return nil
}

func unless(right bool, felt string, kind fault.Kind) error {
	if right {
		return nil
	}
	return errors.New("with the fault: " + felt + ", which is not " + string(kind))
}
