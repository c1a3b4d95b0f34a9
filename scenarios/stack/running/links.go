package running

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// patience is how long the proxy server may take to list its proxies.
const patience = 3 * time.Second

// Links finds what breaking and healing needs, and no more: the proxy server and
// where each link passes. The stores may be down.
func (c Config) Links(ctx context.Context, m topology.Map) (stack.Endpoints, error) {
	if err := c.missing(func(s Setting) bool { return s.Flag == ProxyFlag }); err != nil {
		return stack.Endpoints{}, err
	}
	api, err := url.Parse(c.Toxiproxy)
	if err != nil || api.Scheme != "http" || api.Host == "" {
		return stack.Endpoints{}, fmt.Errorf("--toxiproxy %q: want http://host:port", c.Toxiproxy)
	}
	e := stack.Endpoints{Name: Name, Toxiproxy: base(c.Toxiproxy), Links: map[string]string{}, AllowHost: api.Hostname()}
	all, err := proxies(ctx, e.Toxiproxy)
	if err != nil {
		return e, fmt.Errorf("--toxiproxy %s: %w", c.Toxiproxy, err)
	}
	var missing []string
	for _, l := range m.Links {
		p, ok := all[l.Name()]
		if !ok {
			missing = append(missing, l.Name())
			continue
		}
		if e.Links[l.Name()], err = published(api.Hostname(), p.Listen); err != nil {
			return e, fmt.Errorf("--toxiproxy %s: proxy %s: %w", c.Toxiproxy, l.Name(), err)
		}
		// Enabled as it ought to be: who heals makes it so.
		e.Proxies = append(e.Proxies, topology.ProxyConfig{Name: p.Name, Listen: p.Listen, Upstream: p.Upstream, Enabled: true})
	}
	if len(missing) > 0 {
		return e, fmt.Errorf("--toxiproxy %s: the proxy server has no proxy for %s: it is another stack's, or has lost them; each link needs one of its name",
			c.Toxiproxy, strings.Join(missing, ", "))
	}
	if err := own(ctx, e); err != nil {
		return e, fmt.Errorf("--toxiproxy %s: %w", c.Toxiproxy, err)
	}
	return e, nil
}

// Name is what such a stack is called in records.
const Name = "running"

// published is where a proxy is reached from here. One that listens on every
// interface of its host, as in a container, is reached where its API is.
func published(host, listen string) (string, error) {
	at, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("listens on %q: %w", listen, err)
	}
	if ip := net.ParseIP(at); at == "" || ip != nil && ip.IsUnspecified() {
		at = host
	}
	return net.JoinHostPort(at, port), nil
}

// proxies is what the proxy server says it has, by name.
func proxies(ctx context.Context, api string) (map[string]topology.ProxyConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/proxies", nil)
	if err != nil {
		return nil, fmt.Errorf("list proxies: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("list proxies: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("list proxies: %s: that is no Toxiproxy", resp.Status)
	}
	var all map[string]topology.ProxyConfig
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return nil, fmt.Errorf("list proxies: that is no Toxiproxy: %w", err)
	}
	return all, nil
}
