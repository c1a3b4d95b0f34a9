package stack

import (
	"fmt"
	"strings"

	"eventflow/toxiproxy/topology"
)

// Scrape is Prometheus's configuration: every service that measures itself, met
// directly and never through a proxy, so that a broken link does not make the
// service behind it look dead.
//
// host turns a service and the name of one of its listeners ("" is the main one)
// into host:port; rules is a glob of rule files.
func Scrape(m topology.Map, rules string, host func(s topology.Service, listener string) string) string {
	var b strings.Builder
	b.WriteString(scrapeHead)
	fmt.Fprintf(&b, "rule_files:\n  - %q\n\nscrape_configs:\n", rules)
	for _, s := range m.Services {
		if listener, ok := measured(s); ok {
			fmt.Fprintf(&b, "  - job_name: %s\n    static_configs:\n      - targets: [%q]\n        labels: {service: %s, role: %s}\n",
				s.Name, host(s, listener), s.Name, s.Role)
		}
	}
	return b.String()
}

const scrapeHead = `# Written from toxiproxy/topology; change the map, then run: make fix
# Prometheus meets every service directly, never through a proxy.
global:
  scrape_interval: 1s
  scrape_timeout: 900ms
  evaluation_interval: 1s

`

// measured tells which listener of a service speaks Prometheus's text format.
// Redis, PostgreSQL and nginx speak it only through exporters, which the stack
// does not run: the lab reads those servers itself.
func measured(s topology.Service) (listener string, ok bool) {
	switch s.Role {
	case topology.Node, topology.Worker, topology.Proxy, topology.Observer:
		return "", true
	}
	for _, p := range s.Extra {
		if p.Name == "metrics" {
			return p.Name, true
		}
	}
	return "", false
}
