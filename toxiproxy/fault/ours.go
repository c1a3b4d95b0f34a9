package fault

import (
	"context"
	"errors"
	"net/http"
)

// ErrStock says that the proxy server is not this repository's: it knows the first
// four kinds of fault, and no leases.
var ErrStock = errors.New("stock Toxiproxy")

// ours says whether the proxy server is this repository's. It is asked once.
func (i *Injector) ours(ctx context.Context) (bool, error) {
	i.mu.Lock()
	known := i.kind
	i.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	ours, err := i.api.isOurs(ctx)
	if err != nil {
		return false, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kind = &ours
	return ours, nil
}

// Stock says whether the proxy server is the stock one.
func (i *Injector) Stock(ctx context.Context) (bool, error) {
	ours, err := i.ours(ctx)
	return !ours, err
}

// isOurs goes by what no version of the stock server says.
func (s *server) isOurs(ctx context.Context) (bool, error) {
	var said struct {
		Server string `json:"server"`
	}
	err := s.call(ctx, http.MethodGet, "/version", nil, &said)
	return said.Server == "eventflow", err
}

// changeOurs brings a proxy of this repository's server into the wanted state. Its
// toxics can be removed at any time, so that connections end only when the fault,
// or its end, is what ends them.
//
// What is taken away is taken away in nobody's name, which is the last word,
// whoever put it there. What is put there is put in the lease's.
func (i *Injector) changeOurs(ctx context.Context, now remoteProxy, want state) error {
	if now.absent || now.astray {
		if err := i.replace(ctx, now, state{kind: whole}); err != nil {
			return err
		}
		fresh, err := i.api.show(ctx, now.Name)
		if err != nil {
			return err
		}
		now = fresh
	}
	return firstError(
		func() error { return i.disable(ctx, now, want) },
		func() error { return i.putToxics(ctx, now, want) },
		func() error { return i.takeToxics(ctx, now, want) },
		func() error { return i.enable(ctx, now, want) },
	)
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// disable shuts the proxy in the lease's name, if it is to be. One that somebody
// else disabled is enabled for a moment: the server takes no second name for it.
func (i *Injector) disable(ctx context.Context, now remoteProxy, want state) error {
	if want.enabled() || !now.Enabled && now.heldBy(want) {
		return nil
	}
	if !now.Enabled {
		if err := i.api.enable(ctx, now.Name, true); err != nil {
			return err
		}
	}
	return i.api.as(want.lease).enable(ctx, now.Name, false)
}

func (i *Injector) enable(ctx context.Context, now remoteProxy, want state) error {
	if !want.enabled() || now.Enabled {
		return nil
	}
	return i.api.enable(ctx, now.Name, true)
}

// putToxics adds what is missing before it changes what is there. The other way
// round, an answer held back by a slow link would escape on its way to a hang.
func (i *Injector) putToxics(ctx context.Context, now remoteProxy, want state) error {
	for _, t := range want.toxics() {
		if _, there := now.toxic(t.Name); !there {
			if err := i.addOurs(ctx, now.Name, t, want.holder(t)); err != nil {
				return err
			}
		}
	}
	for _, t := range want.toxics() {
		found, there := now.toxic(t.Name)
		if !there || found.same(t) && found.Lease == want.holder(t) {
			continue
		}
		if err := i.updateOurs(ctx, now.Name, found, t, want.holder(t)); err != nil {
			return err
		}
	}
	return nil
}

// addOurs leaves, under a latency in a lease's name, the one of 0 that is to be
// there when the lease has ended.
func (i *Injector) addOurs(ctx context.Context, proxy string, t toxic, lease string) error {
	if t.Type != "latency" || lease == "" {
		return i.api.as(lease).addToxic(ctx, proxy, t)
	}
	if err := i.api.addToxic(ctx, proxy, latency(t.Name, t.Stream, 0, 0)); err != nil {
		return err
	}
	return i.api.as(lease).updateToxic(ctx, proxy, t)
}

// updateOurs changes a toxic, or replaces a stranger's of the same name.
func (i *Injector) updateOurs(ctx context.Context, proxy string, found, t toxic, lease string) error {
	if found.Type == t.Type && found.Stream == t.Stream {
		return i.api.as(lease).updateToxic(ctx, proxy, t)
	}
	if err := i.api.removeToxic(ctx, proxy, t.Name); err != nil && !isMissing(err) {
		return err
	}
	return i.addOurs(ctx, proxy, t, lease)
}

func (i *Injector) takeToxics(ctx context.Context, now remoteProxy, want state) error {
	wanted := remoteProxy{Toxics: want.toxics()}
	for _, t := range now.Toxics {
		if _, stays := wanted.toxic(t.Name); stays {
			continue
		}
		if err := i.api.removeToxic(ctx, now.Name, t.Name); err != nil && !isMissing(err) {
			return err
		}
	}
	return nil
}
