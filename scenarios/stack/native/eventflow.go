package native

import (
	"context"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// program is one of EventFlow's own. It would wait for the stores by itself, but
// then the pauses between its attempts would decide how long a start takes; and
// a drill wants a system whose every part is whole.
func (s *Stack) program(p stack.Program) unit {
	listen := s.addr(p.Service)
	needs := []topology.Name{topology.Toxiproxy}
	for _, l := range s.topo.LinksFrom(p.Service) {
		needs = append(needs, l.To)
	}
	first := true
	return unit{
		name:    p.Service,
		needs:   needs,
		orderly: true,
		command: func() command {
			env := p.Environment(s.topo, listen, s.linkAddr, s.secrets)
			if p.Service == topology.Consumer && first {
				// The stores were made a moment ago, and no seat can be locked before
				// the consumer has opened the shop: nothing is on its way that would
				// have to be waited for. In a later life there may be.
				env["NEW_SYSTEM"], first = "true", false
			}
			s.cfg.changes().Tell(p.Service, env)
			return command{path: s.path("bin", p.Binary), dir: s.dir, env: env}
		},
		ready:   func(ctx context.Context) error { return probe.HTTP(ctx, "http://"+listen+"/readyz") },
		answers: func(ctx context.Context) error { return probe.HTTP(ctx, "http://"+listen+"/healthz") },
	}
}
