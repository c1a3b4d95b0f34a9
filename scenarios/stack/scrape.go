package stack

import (
	"fmt"
	"net"
	"strconv"
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

// Exporter speaks Prometheus's text format for a service of the map that does not.
// It is no part of the map: nothing of EventFlow depends on it, and only the
// monitoring profile of docker-compose.yml runs any. The lab reads those servers
// itself.
type Exporter struct {
	Name string // of its service in docker-compose.yml
	Of   topology.Name
	Port int
}

// Exporters are the exporters of docker-compose.yml. Nothing else states their
// ports.
func Exporters() []Exporter {
	return []Exporter{
		{Name: "postgres-exporter", Of: topology.PostgresDB, Port: 9187},
		{Name: "redis-exporter", Of: topology.RedisDB, Port: 9121},
		{Name: "nginx-exporter", Of: topology.Nginx, Port: 9113},
	}
}

// Grafana is where people find the dashboards of docker-compose.yml's monitoring
// profile.
const (
	Grafana     = "grafana"
	GrafanaPort = 3000
)

// ScrapeContainers is Prometheus's configuration in docker-compose.yml, where every
// service has a host of its own that is called by its name.
func ScrapeContainers(m topology.Map, rules string) string {
	var b strings.Builder
	b.WriteString(Scrape(m, rules, containerAddr))
	b.WriteString("\n  # Exporters are there only with the monitoring profile: who is not found is not missed.\n")
	for _, e := range Exporters() {
		of, _ := m.Service(e.Of)
		fmt.Fprintf(&b, scrapeExporter, e.Name, e.Name, e.Port, of.Name, of.Role, e.Name, e.Port)
	}
	return b.String()
}

// containerAddr is where a listener is found when every service has a host of its
// own.
func containerAddr(s topology.Service, listener string) string {
	port := s.Port
	for _, p := range s.Extra {
		if p.Name == listener {
			port = p.Port
		}
	}
	return net.JoinHostPort(string(s.Name), strconv.Itoa(port))
}

// Slower than the rest: each answer is a handful of queries to the service.
const scrapeExporter = `  - job_name: %s
    scrape_interval: 5s
    dns_sd_configs:
      - {names: [%s], type: A, port: %d, refresh_interval: 5s}
    relabel_configs:
      - {target_label: service, replacement: %s}
      - {target_label: role, replacement: %s}
      - {target_label: instance, replacement: "%s:%d"}
`

// measured tells which listener of a service speaks Prometheus's text format.
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
