package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventflow/toxiproxy/topology"
)

// reach brings one link's proxy into the wanted state and reads it back. It
// returns the proxy as the server then described it.
//
// On the stock server there are three ways, by what becomes of the open connections
// (for ours, see changeOurs):
//
//	they live    change the toxics in place: any fault but a cut onto a link that
//	             carries traffic, and the heal of a slow one
//	they end     disable, or enable what was disabled, when no toxic has to go
//	they end     replace the proxy by a new one: whenever a toxic has to go
//
// Replacing instead of removing toxics is what keeps the server alive. A removed
// drop toxic leaves its connection's pipeline closed in the middle; while that
// connection dies, whoever touches another toxic of the proxy waits for a stage
// that nobody drains, with the proxy's lock held. A new proxy has no past.
func (i *Injector) reach(ctx context.Context, l topology.Link, want state) (remoteProxy, error) {
	now, err := i.look(ctx, l)
	if err != nil {
		return now, err
	}
	if !now.is(want) || !now.heldBy(want) {
		if err := i.change(ctx, now, want); err != nil {
			return now, err
		}
	}
	return i.readBack(ctx, l, want)
}

func (i *Injector) change(ctx context.Context, now remoteProxy, want state) error {
	ours, err := i.ours(ctx)
	switch {
	case err != nil:
		return err
	case now.Name == "":
		return errors.New("the proxy server has no such proxy, and where it should listen and lead is not known here: give Plan to New")
	case ours:
		return i.changeOurs(ctx, now, want)
	case !want.kind.stock():
		return fmt.Errorf("this server does not know %s; it is %w", want.kind, ErrStock)
	case now.lives(want):
		return i.changeLive(ctx, now, want)
	case want.kind == KindCut && now.is(state{kind: whole}):
		return i.api.enable(ctx, now.Name, false)
	case want.kind == whole && now.onlyDisabled():
		return i.api.enable(ctx, now.Name, true)
	}
	return i.replace(ctx, now, want)
}

// lives says whether the wanted state can be reached with open connections
// staying open: nothing to remove, nothing to disable.
func (p remoteProxy) lives(want state) bool {
	if p.astray || !p.Enabled || !want.enabled() || p.state().kind == foreign {
		return false
	}
	wanted := remoteProxy{Toxics: want.toxics()}
	for _, t := range p.Toxics {
		if _, stays := wanted.toxic(t.Name); !stays {
			return false
		}
	}
	return true
}

// onlyDisabled says whether enabling is all that the proxy needs to be whole.
func (p remoteProxy) onlyDisabled() bool {
	p.Enabled = true
	return p.is(state{kind: whole})
}

// changeLive adds what is missing before it changes what is there. The other way
// round, an answer held back by a slow link would escape on its way to a hang.
func (i *Injector) changeLive(ctx context.Context, now remoteProxy, want state) error {
	for _, t := range want.toxics() {
		if _, there := now.toxic(t.Name); !there {
			if err := i.api.addToxic(ctx, now.Name, t); err != nil {
				return err
			}
		}
	}
	for _, t := range want.toxics() {
		if _, there := now.toxic(t.Name); there && !now.has(t) {
			if err := i.api.updateToxic(ctx, now.Name, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace puts a new proxy, already in the wanted state, in the place of the old.
//
// Disabling comes first, and by itself, because it waits for the old proxy's
// accept loop, which may hang in a dial. It then blocks this one proxy. Deleting
// would block the whole server, for it waits with the collection locked.
func (i *Injector) replace(ctx context.Context, old remoteProxy, want state) error {
	if err := i.retire(ctx, old.Name); err != nil {
		return err
	}
	fresh := remoteProxy{Name: old.Name, Listen: old.Listen, Upstream: old.Upstream}
	if err := i.api.create(ctx, fresh); err != nil {
		return err
	}
	for _, t := range want.toxics() {
		if err := i.api.addToxic(ctx, fresh.Name, t); err != nil {
			return err
		}
	}
	if !want.enabled() {
		return nil
	}
	return i.api.enable(ctx, fresh.Name, true)
}

func (i *Injector) retire(ctx context.Context, name string) error {
	err := i.disableToDelete(ctx, name)
	if isStuck(err) {
		// The answer lists the toxics, and hangs if they are locked, although the
		// proxy was disabled. Only then can it be deleted.
		err = i.unlocked(ctx, name)
	}
	if err != nil {
		return absentIsFine(err)
	}
	return absentIsFine(i.api.remove(ctx, name))
}

// retireDeadline bounds each step that may meet a stuck proxy.
const retireDeadline = 500 * time.Millisecond

func (i *Injector) disableToDelete(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, retireDeadline)
	defer cancel()
	return i.api.enable(ctx, name, false)
}

// unlocked says, by returning nil, that nobody holds the proxy's own lock: its
// accept loop has ended, and deleting it will not block the server.
func (i *Injector) unlocked(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, retireDeadline)
	defer cancel()
	err := i.api.tryLock(ctx, name)
	var refused *apiError
	if errors.As(err, &refused) && !isStuck(err) && !isMissing(err) {
		return nil // refused by a server that had the lock to look
	}
	return err
}

func absentIsFine(err error) error {
	if isMissing(err) {
		return nil
	}
	return err
}

// readBack asks the server what it really did: a toxic sent along with a new
// proxy, for one, is dropped in silence and answered with 201.
func (i *Injector) readBack(ctx context.Context, l topology.Link, want state) (remoteProxy, error) {
	p, err := i.api.show(ctx, l.Name())
	if err != nil {
		return p, fmt.Errorf("read back: %w", err)
	}
	switch {
	case !p.is(want):
		return p, fmt.Errorf("read back: wanted %s, the proxy server says %s", want, p.describe())
	case !p.heldBy(want):
		return p, fmt.Errorf("read back: %s is in force in another name than lease %q", want, want.lease)
	}
	return p, nil
}
