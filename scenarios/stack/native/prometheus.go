package native

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// prometheus watches every service, directly. It needs none of them to start.
func (s *Stack) prometheus(source string) unit {
	conf, web := s.path("prometheus", "prometheus.yml"), s.addr(topology.Prometheus)
	return unit{
		name: topology.Prometheus,
		prepare: func(context.Context) error {
			text := stack.Scrape(s.topo, filepath.Join(source, "grafana", "rules", "*.yml"), s.listenerAddr)
			if err := os.Mkdir(s.path("prometheus"), 0o700); err != nil {
				return fmt.Errorf("make directory: %w", err)
			}
			if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
				return fmt.Errorf("write configuration: %w", err)
			}
			return nil
		},
		command: func() command {
			return command{path: s.tools.prometheus, dir: s.path("prometheus"), args: []string{
				"--config.file=" + conf, "--storage.tsdb.path=" + s.path("prometheus", "tsdb"), "--web.listen-address=" + web,
				"--storage.tsdb.retention.time=1d", "--log.level=warn",
			}}
		},
		ready: func(ctx context.Context) error { return probe.HTTP(ctx, "http://"+web+"/-/ready") },
	}
}

// listenerAddr is host:port of a service's main listener, or of a named one.
func (s *Stack) listenerAddr(svc topology.Service, listener string) string {
	if listener == "" {
		return s.addr(svc.Name)
	}
	return s.addr(svc.Name, listener)
}
