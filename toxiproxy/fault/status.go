package fault

import (
	"context"
	"fmt"

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
	// Fault is what is in force, for people: "none", "cut", "slow 3s±1s", "hang",
	// "lose-replies", "unknown toxic: ...", or "missing" without a proxy.
	Fault string `json:"fault"`
	// Kind is the same for programs, "" for none; Delay and Jitter go with slow.
	Kind   Kind     `json:"kind,omitempty"`
	Delay  Duration `json:"delay,omitempty"`
	Jitter Duration `json:"jitter,omitempty"`
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
	if err := joined(links, errs); err != nil {
		return answered(out, errs), fmt.Errorf("status: %w", err)
	}
	return out, nil
}

func status(l topology.Link, p remoteProxy, err error) LinkStatus {
	s := p.state()
	if isMissing(err) {
		s = state{kind: missing}
	}
	return LinkStatus{
		Link: l.Name(), From: l.From, To: l.To,
		Listen: p.Listen, Upstream: p.Upstream, Enabled: p.Enabled,
		Fault: s.String(), Kind: s.kind, Delay: Duration(s.delay), Jitter: Duration(s.jitter),
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
