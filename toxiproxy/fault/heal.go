package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"eventflow/toxiproxy/topology"
)

// probeEvery is the pause between two attempts at a round trip while an upstream
// comes back.
const probeEvery = 25 * time.Millisecond

// mendDeadline bounds the first rung. It takes milliseconds, or for ever: a
// client that hangs up on a slow link in the very moment of the heal can leave
// the stock server waiting for it with the proxy's toxics locked.
const mendDeadline = 700 * time.Millisecond

// HealError names the links that a heal could not prove whole.
type HealError struct{ Links []LinkError }

// LinkError is why one link is not healed.
type LinkError struct {
	Link string
	Err  error

	symptom SymptomKind // of the last round trip, "" if it did not come to one
}

// UpstreamDown says that the link itself carries connections, and what it leads
// to refuses them or stays silent even through a new proxy. Nothing that is done
// to the link can mend that.
func (e LinkError) UpstreamDown() bool {
	return e.symptom == EOF || e.symptom == WasReset || e.symptom == Silent
}

// Error is one clause per link, or the server's if that is what is down.
func (e *HealError) Error() string {
	for _, l := range e.Links {
		if errors.Is(l.Err, ErrServerDown) {
			return "not healed: " + l.Err.Error()
		}
	}
	clauses := make([]string, len(e.Links))
	for n, l := range e.Links {
		clauses[n] = l.Error()
	}
	return "not healed: " + strings.Join(clauses, "; ")
}

// Unwrap gives errors.Is and errors.As every link's error.
func (e *HealError) Unwrap() []error {
	errs := make([]error, len(e.Links))
	for n, l := range e.Links {
		errs[n] = l
	}
	return errs
}

// Error names the link and whose fault it is.
func (e LinkError) Error() string {
	if e.UpstreamDown() {
		return fmt.Sprintf("%s: the link is whole but its upstream is down: %v", e.Link, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Link, e.Err)
}

// Unwrap is the cause.
func (e LinkError) Unwrap() error { return e.Err }

// Heal makes the links whole again, all of them if none is named, and returns
// when each one's protocol answered a round trip. It may be called at any time
// and any number of times: on a whole link it costs the round trip.
//
// It climbs a ladder, and each rung has its deadline: neutralise and enable;
// replace the proxy of a link that does not answer; restart the proxy server if it
// or its API is dead and Restart was given. What is left is a *HealError, which Is
// ErrServerDown if that is why.
//
// On this repository's server it takes the patience and some milliseconds at most,
// whatever the upstream does. On the stock one it may take seconds more.
func (i *Injector) Heal(ctx context.Context, links ...string) error {
	chosen, err := i.chosen(links)
	if err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	if i.refused != nil {
		return fmt.Errorf("heal: %w", i.refused)
	}
	failed := failures{}
	i.climb(ctx, chosen, i.mend, failed)
	i.climb(ctx, i.broken(chosen, failed), i.rebuild, failed)
	if i.restart != nil && failed.anyStuck() && ctx.Err() == nil {
		err := i.startAnew(ctx)
		i.climb(ctx, i.links.Links, i.mendAfter(err), failed) // the new server forgot them all
	}
	return failed.err(chosen)
}

// restartDeadline bounds the last rung; a server starts in a fraction of a second.
const restartDeadline = 10 * time.Second

// startAnew restarts the server. The lease went with the old one, as it was to.
func (i *Injector) startAnew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restartDeadline)
	defer cancel()
	if i.lease != nil {
		i.lease.drop(false)
	}
	i.mu.Lock()
	i.kind = nil
	i.mu.Unlock()
	return i.restart(ctx)
}

func (i *Injector) chosen(patterns []string) ([]topology.Link, error) {
	if len(patterns) == 0 {
		return i.links.Links, nil
	}
	return i.links.Select(patterns...)
}

// failures are the links that a rung did not heal, by name.
type failures map[string]LinkError

// rung does its work on one link. The round trip that follows is the same for all.
type rung func(context.Context, topology.Link) error

// climb takes the turn, puts the links through the rung at once, gives the turn
// back and demands a round trip of each. It updates failed for these links.
func (i *Injector) climb(ctx context.Context, links []topology.Link, r rung, failed failures) {
	if len(links) == 0 {
		return
	}
	errs := i.blame(ctx, i.onRung(ctx, links, r))
	results := make([]*LinkError, len(links))
	inParallel(links, func(n int, l topology.Link) error {
		results[n] = i.proof(ctx, l, errs[n])
		return nil
	})
	for n, l := range links {
		delete(failed, l.Name())
		if results[n] != nil {
			failed[l.Name()] = *results[n]
		}
	}
}

func (i *Injector) onRung(ctx context.Context, links []topology.Link, r rung) []error {
	release, err := i.takeTurn(ctx)
	if err != nil {
		return inParallel(links, func(int, topology.Link) error { return err })
	}
	defer release()
	return inParallel(links, func(_ int, l topology.Link) error {
		i.noteChange(l)
		return r(ctx, l)
	})
}

// mend is the first rung: the gentlest change that makes the link whole.
func (i *Injector) mend(ctx context.Context, l topology.Link) error {
	ctx, cancel := context.WithTimeout(ctx, mendDeadline)
	defer cancel()
	_, err := i.reach(ctx, l, state{kind: whole})
	return err
}

// rebuild is the second: a new proxy in the place of one that says it is whole
// and does not carry, or says nothing. A proxy whose toxics are locked can still
// be disabled, and then deleted, as long as nobody has connected to it since.
func (i *Injector) rebuild(ctx context.Context, l topology.Link) error {
	i.mu.Lock()
	known := i.known[l.Name()]
	i.mu.Unlock()
	if known.Name == "" {
		return i.mend(ctx, l) // never seen: it will say so again
	}
	if err := i.replace(ctx, known, state{kind: whole}); err != nil {
		return err
	}
	_, err := i.readBack(ctx, l, state{kind: whole})
	return err
}

// mendAfter is the last: the first rung again, on a new proxy server.
func (i *Injector) mendAfter(restart error) rung {
	return func(ctx context.Context, l topology.Link) error {
		if restart != nil {
			return fmt.Errorf("restart the proxy server: %w", restart)
		}
		return i.mend(ctx, l)
	}
}

// proof is the round trip that makes a healed link healed, nil if it succeeds.
func (i *Injector) proof(ctx context.Context, l topology.Link, rungErr error) *LinkError {
	if rungErr != nil {
		return &LinkError{Link: l.Name(), Err: rungErr}
	}
	before := i.changeCount(l)
	s := i.untilAnswered(ctx, l)
	switch {
	case s.Kind == Answered:
		return nil
	case i.changeCount(l) != before:
		return &LinkError{Link: l.Name(), Err: errors.New("another change overtook the heal")}
	}
	return &LinkError{Link: l.Name(), symptom: s.Kind, Err: fmt.Errorf("a round trip through it: %s", s)}
}

// untilAnswered probes until the upstream answers or the patience is over, and
// returns the last symptom.
func (i *Injector) untilAnswered(ctx context.Context, l topology.Link) Symptom {
	ctx, cancel := context.WithTimeout(ctx, i.patience)
	defer cancel()
	for {
		s := i.probe(ctx, l, i.patience)
		if s.Kind == Answered || ctx.Err() != nil {
			return s
		}
		select {
		case <-ctx.Done():
			return s
		case <-time.After(probeEvery):
		}
	}
}

// broken are the links that a new proxy may help: not those whose proxy accepts and
// finds its upstream's door closed. A proxy of ours that says it is whole is whole,
// and a silent upstream will go on with its connections when it wakes.
func (i *Injector) broken(links []topology.Link, failed failures) []topology.Link {
	i.mu.Lock()
	ours := i.kind != nil && *i.kind
	i.mu.Unlock()
	var out []topology.Link
	for _, l := range links {
		e, bad := failed[l.Name()]
		hopeless := e.symptom == EOF || e.symptom == WasReset || ours && e.symptom == Silent || errors.Is(e.Err, ErrServerDown)
		if bad && !hopeless {
			out = append(out, l)
		}
	}
	return out
}

func (f failures) anyStuck() bool {
	for _, e := range f {
		if isStuck(e.Err) || errors.Is(e.Err, ErrServerDown) {
			return true
		}
	}
	return false
}

func (f failures) err(links []topology.Link) error {
	if len(f) == 0 {
		return nil
	}
	e := &HealError{}
	for _, l := range links {
		if le, bad := f[l.Name()]; bad {
			e.Links = append(e.Links, le)
		}
	}
	return e
}
