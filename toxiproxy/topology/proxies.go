package topology

import (
	"net"
	"strconv"
)

// ProxyConfig is one link as the proxy server wants to be told of it: an element of
// its configuration file, and the body of POST /proxies.
type ProxyConfig struct {
	Name     string `json:"name"`     // Link.Name
	Listen   string `json:"listen"`   // host:port where the client calls
	Upstream string `json:"upstream"` // host:port of the dependency, as the proxy server reaches it
	Enabled  bool   `json:"enabled"`
}

// Proxies returns one enabled proxy per link, in map order. Where they listen and
// what they lead to is the stack's business: containers have names, processes on
// one host have ports.
func (m Map) Proxies(listen, upstream func(Link) string) []ProxyConfig {
	out := make([]ProxyConfig, len(m.Links))
	for i, l := range m.Links {
		out[i] = ProxyConfig{Name: l.Name(), Listen: listen(l), Upstream: upstream(l), Enabled: true}
	}
	return out
}

// Containers returns the proxies of a stack in which every service has a host of
// its own, called by its name: the one that docker-compose.yml describes. The
// proxies listen on every interface of theirs, at their places in the block.
func (m Map) Containers(b Block) []ProxyConfig {
	return m.Proxies(
		func(l Link) string { return hostPort("0.0.0.0", b.Link(l)) },
		func(l Link) string { return hostPort(string(l.To), m.port(l.To)) },
	)
}

// port is the service's conventional port, 0 for a service that Validate refuses.
func (m Map) port(n Name) int {
	s, _ := m.Service(n)
	return s.Port
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
