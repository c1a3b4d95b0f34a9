package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"eventflow/toxiproxy/topology"
)

// Applied is a fault in force, with the evidence.
type Applied struct {
	Links    []string  `json:"links"`            // the links that the patterns stood for
	ReadBack string    `json:"read_back"`        // the proxies' state as the server told it
	Symptom  string    `json:"symptom"`          // what a new client of each link felt
	Bit      bool      `json:"bit"`              // every link showed the fault's own symptom
	Reason   string    `json:"reason,omitempty"` // when it did not: which links, and what was felt instead
	At       time.Time `json:"at"`               // when the server had confirmed it on every link; probes follow
	Lease    string    `json:"lease,omitempty"`  // in whose name; "": it stays until somebody heals it
}

// Apply puts the fault in force in place of whatever its links suffered before,
// reads every proxy back, and probes every link for the fault's symptom.
//
// An error means that the fault may be in force on some links and not on others:
// call Heal. No error and Bit false means that it is in force, by the server's
// word, and that a client does not feel it: the upstream itself is dead, say.
func (i *Injector) Apply(ctx context.Context, f Fault) (Applied, error) {
	if err := f.Validate(i.links); err != nil {
		return Applied{}, err
	}
	lease, err := i.inWhoseName(ctx)
	if err != nil {
		return Applied{}, fmt.Errorf("apply %s: %w", f, err)
	}
	return i.applyAs(ctx, f, lease)
}

// applyAs applies a valid fault in the name of a lease, or in nobody's.
func (i *Injector) applyAs(ctx context.Context, f Fault, lease string) (Applied, error) {
	links, err := i.links.Select(f.Links...)
	if err != nil {
		return Applied{}, fmt.Errorf("apply %s: %w", f, err)
	}
	a := Applied{Links: linkNames(links), Lease: lease}
	proxies, err := i.changeAll(ctx, links, f.state(lease))
	if isGone(err) {
		err = fmt.Errorf("%w: %w", ErrLeaseLost, err)
	}
	if err != nil {
		return a, fmt.Errorf("apply %s: %w", f, err)
	}
	a.At = time.Now()
	a.ReadBack = summary(links, func(n int) string { return proxies[n].describe() })
	i.feel(ctx, f, links, &a)
	return a, nil
}

// feel probes every link and writes down what was felt and whether it was right.
func (i *Injector) feel(ctx context.Context, f Fault, links []topology.Link, a *Applied) {
	symptoms := make([]Symptom, len(links))
	reasons := make([]string, len(links))
	inParallel(links, func(n int, l topology.Link) error {
		before := i.changeCount(l)
		symptoms[n] = i.probeFor(ctx, f, l)
		reasons[n] = i.doubt(f, l, symptoms[n])
		if i.changeCount(l) != before {
			reasons[n] = "another change overtook this one"
		}
		return nil
	})
	a.Symptom = felt(links, symptoms)
	a.Reason = summary(links, func(n int) string { return reasons[n] })
	a.Bit = a.Reason == ""
}

func linkNames(links []topology.Link) []string {
	out := make([]string, len(links))
	for n, l := range links {
		out[n] = l.Name()
	}
	return out
}

// felt groups the links by what they felt, with the range of times: jitter gives
// each link its own.
func felt(links []topology.Link, symptoms []Symptom) string {
	return summary(links, func(n int) string {
		least, most := symptoms[n], symptoms[n]
		for _, s := range symptoms {
			if s.Kind != least.Kind {
				continue
			}
			if s.RTT < least.RTT {
				least = s
			}
			if s.RTT > most.RTT {
				most = s
			}
		}
		if least.RTT == most.RTT || least.Kind != Answered && least.Kind != Silent && least.Kind != Obeyed {
			return least.String()
		}
		return fmt.Sprintf("%s to %s", least, most.rtt())
	})
}

// summary is what each link said, links that said the same together and those
// that said nothing left out: "app-1_redis, app-2_redis: enabled:false".
func summary(links []topology.Link, said func(int) string) string {
	var order []string
	who := map[string][]string{}
	for n, l := range links {
		s := said(n)
		if s == "" {
			continue
		}
		if !slices.Contains(order, s) {
			order = append(order, s)
		}
		who[s] = append(who[s], l.Name())
	}
	for n, s := range order {
		order[n] = strings.Join(who[s], ", ") + ": " + s
	}
	return strings.Join(order, "; ")
}
