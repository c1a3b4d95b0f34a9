package selftest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/fault/wire"
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
	applied, err := b.apply(ctx, f)
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

// apply applies the fault until Apply itself feels it, or gives up: a busy host may
// stand still for as long as a probe waits. Once in force it is not changed by that.
func (b *bench) apply(ctx context.Context, f fault.Fault) (fault.Applied, error) {
	var a fault.Applied
	for range tries {
		var err error
		if a, err = b.Apply(ctx, f); err != nil || a.Bit {
			return a, err
		}
	}
	return a, nil
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
	got := c.quickest(ctx, f, c.trial)
	r.Without = got.String()
	if err := c.whole(f, got); err != nil {
		return fmt.Errorf("without the fault: %w", err)
	}
	if c.connection == Pooled {
		c.client = connect(ctx, c.addr)
		if warm := c.client.exchange(c.talk.Hello, dialDeadline); warm.outcome != answered {
			return fmt.Errorf("without the fault, at the first exchange: %s", warm)
		}
	}
	return nil
}

// trial is what the client will do under the fault, on a connection that ends with it.
func (c *cell) trial(ctx context.Context) felt {
	twin := connect(ctx, c.addr)
	defer twin.close()
	if c.connection == Pooled {
		if warm := twin.exchange(c.talk.Hello, dialDeadline); warm.outcome != answered {
			return warm
		}
	}
	return twin.exchange(c.exchange(), dialDeadline)
}

// tries is how often a link may be slow because the host is.
const tries = 5

// quickest is the first exchange that is quicker than the fault would let it be, or
// the last: a fault that is in force lets none.
func (c *cell) quickest(ctx context.Context, f fault.Fault, exchange func(context.Context) felt) felt {
	var got felt
	for range tries {
		if got = exchange(ctx); c.whole(f, got) == nil {
			return got
		}
	}
	return got
}

// whole says why what was felt is not a whole link's.
func (c *cell) whole(f fault.Fault, got felt) error {
	switch {
	case got.outcome != answered:
		return errors.New(got.String())
	case got.took >= c.least(f, got):
		return fmt.Errorf("%s, which is as slow as with it", got)
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

// exchange is what the client says while the fault is in force.
func (c *cell) exchange() wire.Exchange {
	if c.connection == Pooled {
		return c.talk.Next
	}
	return c.talk.Long
}

func (c *cell) request() []byte { return c.exchange().Request }

// after shows that the fault is over: what became of the connection, and that a new
// one is served.
func (c *cell) after(ctx context.Context, f fault.Fault, r *Result) error {
	if err := c.aftermath(f, r); err != nil {
		return fmt.Errorf("after the heal: %w", err)
	}
	got := c.quickest(ctx, f, c.fresh)
	r.After += "; new: " + got.String()
	if err := c.whole(f, got); err != nil {
		return fmt.Errorf("after the heal, on a new connection: %w", err)
	}
	return nil
}
