package selftest

import (
	"context"
	"fmt"
	"time"

	"eventflow/toxiproxy/fault"
)

// play is one fault on all cells: before, during, after.
func (b *bench) play(ctx context.Context, f fault.Fault) ([]Result, error) {
	begun := time.Now()
	results := make(map[*cell]*Result, len(b.cells))
	for _, c := range b.cells {
		results[c] = &Result{Fault: what(f), Protocol: c.protocol, Connection: c.connection}
	}
	step := func(do func(*cell, *Result) error) {
		_ = b.each(func(c *cell) error { // it is in the result
			if r := results[c]; r.OK() {
				if err := do(c, r); err != nil {
					r.Reason = err.Error()
				}
			}
			return nil
		})
	}
	step(func(c *cell, r *Result) error { return c.before(ctx, f, r) })
	applied, err := b.Apply(ctx, f)
	if err != nil {
		return nil, err
	}
	step(func(c *cell, r *Result) error { return c.during(ctx, f, r) })
	for _, c := range b.cells {
		c.healed = time.Now()
	}
	if err := b.Heal(ctx); err != nil {
		return nil, err
	}
	step(func(c *cell, r *Result) error { return c.after(ctx, f, r) })
	out := make([]Result, 0, len(b.cells))
	for _, c := range b.cells {
		c.hangUp()
		r := results[c]
		if r.OK() && !applied.Bit {
			r.Reason = "Apply did not feel it: " + applied.Reason
		}
		r.Took = fault.Duration(time.Since(begun))
		out = append(out, *r)
	}
	return out, nil
}

// what is the fault without its links.
func what(f fault.Fault) string {
	f.Links = nil
	s := f.String()
	return s[:len(s)-len(" on ")]
}

// before shows that nothing is felt without the fault, and leaves a pooled
// connection behind.
func (c *cell) before(ctx context.Context, f fault.Fault, r *Result) error {
	twin := connect(ctx, c.addr)
	defer twin.close()
	e := c.talk.Long
	if c.connection == Pooled {
		c.client = connect(ctx, c.addr)
		for _, each := range []*client{c.client, twin} {
			if warm := each.exchange(c.talk.Hello, dialDeadline); warm.outcome != answered {
				return fmt.Errorf("without the fault, at the first exchange: %s", warm)
			}
		}
		e = c.talk.Next
	}
	got := twin.exchange(e, dialDeadline)
	r.Without = got.String()
	switch {
	case got.outcome != answered:
		return fmt.Errorf("without the fault: %s", got)
	case got.took >= c.least(f, got):
		return fmt.Errorf("without the fault: %s, which is as slow as with it", got)
	}
	return nil
}

// least is the least time that an exchange takes with the fault in force; for one
// that does not delay, what no whole link takes.
func (c *cell) least(f fault.Fault, got felt) time.Duration {
	switch f.Kind {
	case fault.KindSlow, fault.KindLate:
		return time.Duration(f.Delay - f.Jitter)
	case fault.KindTrickle:
		return time.Duration(len(c.request())+got.bytes) * time.Millisecond / time.Duration(f.Rate)
	}
	return dialDeadline
}

// request is what the client says while the fault is in force.
func (c *cell) request() []byte {
	if c.connection == Pooled {
		return c.talk.Next.Request
	}
	return c.talk.Long.Request
}

// after shows that the fault is over: what became of the connection, and that a new
// one is served.
func (c *cell) after(ctx context.Context, f fault.Fault, r *Result) error {
	reason := c.aftermath(f, r)
	got := c.fresh(ctx, dialDeadline)
	r.After += "; new: " + got.String()
	switch {
	case reason != nil:
		return fmt.Errorf("after the heal: %w", reason)
	case got.outcome != answered:
		return fmt.Errorf("after the heal, on a new connection: %s", got)
	case got.took >= c.least(f, got):
		return fmt.Errorf("after the heal, on a new connection: %s, which is as slow as before", got)
	}
	return nil
}
