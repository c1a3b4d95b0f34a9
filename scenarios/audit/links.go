package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// proxyServer is the proxy server's name among those who count.
const proxyServer = "toxiproxy"

// link is what the proxy server says of one link. Stock Toxiproxy has no such list.
type link struct {
	Name        string `json:"name"`
	Connections struct {
		Total float64 `json:"total"` // ever accepted
	} `json:"connections"`
	// UpstreamLocal is how the upstream knows the proxy's open connections; nil: this
	// proxy server does not tell.
	UpstreamLocal *[]string `json:"upstream_local"`
}

func (a *Auditor) links(ctx context.Context) ([]link, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(a.config.Toxiproxy, "/")+"/links", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the proxy server for its links: %w", err)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the proxy server for its links: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, errSilent
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the proxy server for its links: %s", resp.Status)
	}
	var all []link
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return nil, fmt.Errorf("read the proxy server's links: %w", err)
	}
	return all, nil
}

// accepted takes down how many connections each link has ever accepted. A proxy
// that was made anew counts from zero, as a program does that was started again.
func (a *Auditor) accepted(ctx context.Context) error {
	all, err := a.links(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		a.counters.see("accepted:"+l.Name, proxyServer, l.Connections.Total, false)
	}
	return nil
}

// errSilent is a proxy server that keeps no list of links, as the stock one, or does
// not tell its own addresses on it.
var errSilent = errors.New("the proxy server does not tell its links, or by which addresses their upstreams know it")

// proxied are the addresses by which the stores know the proxy server.
func (a *Auditor) proxied(ctx context.Context) (map[string]bool, error) {
	if a.config.Toxiproxy == "" {
		return nil, errSilent
	}
	all, err := a.links(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, l := range all {
		if l.UpstreamLocal == nil {
			return nil, errSilent
		}
		for _, addr := range *l.UpstreamLocal {
			own[addr] = true
		}
	}
	return own, nil
}
