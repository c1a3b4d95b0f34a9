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
	links, err := i.links.Select(f.Links...)
	if err != nil {
		return Applied{}, fmt.Errorf("apply %s: %w", f, err)
	}
	a := Applied{Links: linkNames(links)}
	proxies, err := i.changeAll(ctx, links, f.state())
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
		reasons[n] = f.doubt(symptoms[n])
		if i.changeCount(l) != before {
			reasons[n] = "another change overtook this one"
		}
		return nil
	})
	a.Symptom = felt(links, symptoms)
	a.Reason = summary(links, func(n int) string { return reasons[n] })
	a.Bit = a.Reason == ""
}

// probeFor is the probe that can tell this fault from its neighbours.
func (i *Injector) probeFor(ctx context.Context, f Fault, l topology.Link) Symptom {
	switch f.Kind {
	case KindSlow:
		return i.probe(ctx, l, time.Duration(f.Delay+f.Jitter)+i.patience)
	case KindLoseReplies:
		return i.probeObeyed(ctx, l, i.patience)
	}
	return i.probe(ctx, l, i.patience)
}

// doubt says why the symptom is not the fault's, "" if it is.
func (f Fault) doubt(s Symptom) string {
	switch f.Kind {
	case KindCut:
		// Behind a container's published port the mapping accepts for the closed
		// proxy and hangs up: eof. The read-back has shown that it is closed.
		return unless(s.Kind == Refused || s.Kind == EOF, s, "refused")
	case KindHang:
		return unless(s.Kind == Silent, s, "silence")
	case KindLoseReplies:
		return unless(s.Kind == Obeyed, s, "a request that arrives and is never answered")
	case KindSlow:
		least := f.Delay - f.Jitter
		return unless(s.Kind == Answered && s.RTT >= least, s, fmt.Sprintf("an answer after at least %s", least))
	}
	return fmt.Sprintf("no symptom is known for %q", f.Kind)
}

func unless(right bool, s Symptom, want string) string {
	switch {
	case right:
		return ""
	case s.Kind == EOF:
		return fmt.Sprintf("wanted %s, felt eof: the link is there and its upstream does not take connections", want)
	}
	return fmt.Sprintf("wanted %s, felt %s", want, s)
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
		if least.RTT == most.RTT || least.Kind == Refused || least.Kind == Garbled {
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
