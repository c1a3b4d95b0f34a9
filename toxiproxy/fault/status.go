package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"eventflow/toxiproxy/topology"
)

// LinkStatus is one link as the proxy server describes it. It says nothing about
// the upstream: that is a probe's work.
type LinkStatus struct {
	Link     string        `json:"link"`
	From     topology.Name `json:"from"`
	To       topology.Name `json:"to"`
	Listen   string        `json:"listen"`   // as the server writes it: 0.0.0.0 is [::]
	Upstream string        `json:"upstream"` // as the server reaches it
	Enabled  bool          `json:"enabled"`
	// Fault is what is in force, for people: "none", "cut", "slow 3s±1s", "hold up",
	// "unknown toxic: ...", or "missing" without a proxy.
	Fault string `json:"fault"`
	// Kind is the same for programs, "" for none; the fields after it are Fault's.
	Kind      Kind      `json:"kind,omitempty"`
	Direction Direction `json:"direction,omitempty"`
	Delay     Duration  `json:"delay,omitempty"`
	Jitter    Duration  `json:"jitter,omitempty"`
	Rate      Rate      `json:"rate,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`
	Period    Duration  `json:"period,omitempty"`
	// Lease is in whose name the fault is in force, "" for nobody's: it stays until
	// somebody heals it. Owner and Left are the lease's.
	Lease string   `json:"lease,omitempty"`
	Owner string   `json:"owner,omitempty"`
	Left  Duration `json:"left,omitempty"`
}

// String is the fault and whose it is: "cut, by lab 1234 for 41s more".
func (s LinkStatus) String() string {
	if s.Owner == "" {
		return s.Fault
	}
	return fmt.Sprintf("%s, by %s for %s more", s.Fault, s.Owner, time.Duration(s.Left).Round(time.Second))
}

// Status asks the server about every link, in map order. Links that the server
// does not answer for are in the error, and those it did answer for are returned
// beside it.
func (i *Injector) Status(ctx context.Context) ([]LinkStatus, error) {
	links := i.links.Links
	out := make([]LinkStatus, len(links))
	errs := inParallel(links, func(n int, l topology.Link) error {
		p, err := i.api.show(ctx, l.Name())
		out[n] = status(l, p, err)
		if isMissing(err) {
			return nil
		}
		return err
	})
	errs = i.blame(ctx, errs)
	if err := errors.Join(joined(links, errs), i.nameOwners(ctx, out)); err != nil {
		return answered(out, errs), fmt.Errorf("status: %w", err)
	}
	return out, nil
}

// nameOwners looks up the leases, if any link is in the name of one.
func (i *Injector) nameOwners(ctx context.Context, all []LinkStatus) error {
	if !slices.ContainsFunc(all, func(s LinkStatus) bool { return s.Lease != "" }) {
		return nil
	}
	leases, err := i.Leases(ctx)
	if err != nil {
		return err
	}
	for _, l := range leases {
		for n := range all {
			if all[n].Lease == l.ID && l.ID != "" {
				all[n].Owner, all[n].Left = l.Owner, Duration(l.Left())
			}
		}
	}
	return nil
}

func status(l topology.Link, p remoteProxy, err error) LinkStatus {
	s := p.state()
	if isMissing(err) {
		s = state{kind: missing}
	}
	return LinkStatus{
		Link: l.Name(), From: l.From, To: l.To,
		Listen: p.Listen, Upstream: p.Upstream, Enabled: p.Enabled,
		Fault: s.String(), Kind: s.kind, Direction: s.way, Delay: Duration(s.delay), Jitter: Duration(s.jitter),
		Rate: s.rate, Bytes: s.bytes, Period: Duration(s.period), Lease: s.lease,
	}
}

func answered(all []LinkStatus, errs []error) []LinkStatus {
	var out []LinkStatus
	for n, s := range all {
		if errs[n] == nil {
			out = append(out, s)
		}
	}
	return out
}
