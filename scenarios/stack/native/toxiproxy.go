package native

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// toxiproxy carries every link. It listens from the first moment and dials a
// dependency only when somebody calls, so it needs nobody.
func (s *Stack) toxiproxy() unit {
	conf := s.path("toxiproxy.json")
	return unit{
		name:    topology.Toxiproxy,
		prepare: func(context.Context) error { return s.writeProxies(conf) },
		command: func() command {
			return command{
				path: s.path("bin", toxiproxyBinary),
				args: []string{"-host", host, "-port", strconv.Itoa(s.port(topology.Toxiproxy)), "-config", conf, "-proxy-metrics", "-runtime-metrics"},
				dir:  s.dir,
				env:  map[string]string{"LOG_LEVEL": "error"}, // else a line per connection
			}
		},
		ready: s.proxiesListen,
	}
}

// proxies is one proxy per link of the map.
func (s *Stack) proxies() []topology.ProxyConfig {
	return s.topo.Proxies(s.linkAddr, func(l topology.Link) string { return s.addr(l.To) })
}

func (s *Stack) writeProxies(path string) error {
	data, err := json.MarshalIndent(s.proxies(), "", "  ")
	if err != nil {
		return fmt.Errorf("encode proxies: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write proxies: %w", err)
	}
	return nil
}

// proxiesListen asks the API for the last proxy: they are made in order, and the
// API answers before they all are.
func (s *Stack) proxiesListen(ctx context.Context) error {
	last := s.topo.Links[len(s.topo.Links)-1]
	return probe.HTTP(ctx, "http://"+s.addr(topology.Toxiproxy)+"/proxies/"+last.Name())
}
