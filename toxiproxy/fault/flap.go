package fault

import (
	"context"
	"time"

	"eventflow/toxiproxy/topology"
)

// flapper cuts and mends one link by turns. It is this process's: what is left of a
// flap when the process dies is a link that is cut or whole, and a lease.
type flapper struct {
	api    *server
	lease  string
	link   string
	want   state
	cancel context.CancelFunc
	ended  chan struct{}
}

// startFlaps begins with a cut, on all links at the same time.
func (i *Injector) startFlaps(links []topology.Link, want state) {
	begun := time.Now()
	for _, l := range links {
		ctx, cancel := context.WithCancel(context.Background())
		f := &flapper{api: i.api, lease: want.lease, link: l.Name(), want: want, cancel: cancel, ended: make(chan struct{})}
		i.mu.Lock()
		i.flaps[l.Name()] = f
		i.mu.Unlock()
		go f.run(ctx, begun)
	}
}

// stop returns when the flapper will change nothing any more.
func (f *flapper) stop() {
	f.cancel()
	<-f.ended
}

// run keeps to the clock and not to its own pace, so that links stay in step.
func (f *flapper) run(ctx context.Context, begun time.Time) {
	defer close(f.ended)
	clock := time.NewTimer(0)
	defer clock.Stop()
	for half := 0; ; half++ {
		clock.Reset(time.Until(begun.Add(time.Duration(half) * f.want.period / 2)))
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		if !f.turn(half%2 == 1) {
			return
		}
	}
}

// turnDeadline bounds what stop may wait for.
const turnDeadline = 500 * time.Millisecond

// turn cuts or mends the link and says whether to go on. It stops when the mark is
// gone: somebody healed the link, or the lease lapsed. What it did in that very
// moment it takes back.
//
// It has a context of its own: a call given up half-way might cut the link after a
// heal.
func (f *flapper) turn(enabled bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), turnDeadline)
	defer cancel()
	p, err := f.api.show(ctx, f.link)
	if err == nil && !f.marked(p) {
		return false
	}
	if err = f.api.as(f.lease).enable(ctx, f.link, enabled); err == nil {
		p, err = f.api.show(ctx, f.link)
	}
	switch {
	case isMissing(err), isGone(err):
		return false
	case err != nil: // the next turn tries again
		return true
	case f.marked(p):
		return true
	}
	if !enabled {
		_ = f.api.as(f.lease).enable(ctx, f.link, true) // if not, the lease's end does it
	}
	return false
}

func (f *flapper) marked(p remoteProxy) bool {
	s, ok := p.marked()
	return ok && s.period == f.want.period && s.lease == f.want.lease
}
