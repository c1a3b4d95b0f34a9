package server

import (
	"net/http"
	"slices"

	"eventflow/toxiproxy/proxy"
)

// linkView is a link as the control room draws it, its open connections included.
type linkView struct {
	Name        string        `json:"name"`
	Listen      string        `json:"listen"`
	Upstream    string        `json:"upstream"`
	Enabled     bool          `json:"enabled"`
	Connections proxy.Usage   `json:"connections"`
	Up          proxy.Bytes   `json:"to_upstream"`
	Down        proxy.Bytes   `json:"to_client"`
	Faults      []proxy.Fault `json:"faults"`
	Leases      []string      `json:"leases"`
	// UpstreamLocal is this server's end of each open connection to the upstream,
	// which is how the upstream knows it.
	UpstreamLocal []string `json:"upstream_local"`
}

func (s *Server) links(http.ResponseWriter, *http.Request) (any, error) {
	out := []linkView{}
	for _, p := range s.proxies.All() {
		out = append(out, viewLink(p))
	}
	return out, nil
}

func viewLink(p *proxy.Proxy) linkView {
	v, u := p.View(), p.Usage()
	link := linkView{Name: v.Name, Listen: v.Listen, Upstream: v.Upstream, Enabled: v.Enabled,
		Connections: u, Up: u.Up, Down: u.Down, Faults: []proxy.Fault{}, Leases: []string{},
		UpstreamLocal: p.UpstreamLocal()}
	for _, f := range p.Faults() {
		link.Faults = append(link.Faults, f)
		if f.Lease != "" && !slices.Contains(link.Leases, f.Lease) {
			link.Leases = append(link.Leases, f.Lease)
		}
	}
	return link
}
