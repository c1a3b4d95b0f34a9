package running

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"eventflow/scenarios/stack"
)

// own fails when somebody else answers where the links should be: a container's port
// that is published under another number, which is another stack's here. Whoever
// breaks links would feel that stack's, and whoever heals would be told that all is
// well.
//
// A link that does not answer, because it is cut or published nowhere, is nobody
// else's. A stock proxy server keeps no count of connections and is believed.
func own(ctx context.Context, e stack.Endpoints) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before, err := accepted(ctx, e.Toxiproxy)
	if err != nil || before == nil {
		return err
	}
	return stack.Until(ctx, pollEvery, func(ctx context.Context) error {
		// Again each time: a link that flaps may not have been there.
		answers := called(ctx, e.Links)
		now, err := accepted(ctx, e.Toxiproxy)
		if err != nil {
			return err
		}
		var strangers []string
		for _, name := range answers {
			if now[name].enabled && now[name].total <= before[name].total {
				strangers = append(strangers, fmt.Sprintf("%s at %s", name, e.Links[name]))
			}
		}
		if len(strangers) == 0 {
			return nil
		}
		return fmt.Errorf("somebody else answers for %s: the proxies' ports have to be reached under their own numbers", strings.Join(strangers, ", "))
	})
}

// called are the links that answer, in order.
func called(ctx context.Context, links map[string]string) []string {
	names := slices.Sorted(maps.Keys(links))
	answers := make([]bool, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			dialer := net.Dialer{Timeout: callPatience}
			if conn, err := dialer.DialContext(ctx, "tcp", links[name]); err == nil {
				answers[i] = conn.Close() == nil // it was there, and that was the question
			}
		})
	}
	all.Wait()
	var there []string
	for i, name := range names {
		if answers[i] {
			there = append(there, name)
		}
	}
	return there
}

// callPatience is how long a link may take to let somebody in who does not want
// anything; one behind a firewall never does.
const callPatience = 500 * time.Millisecond

// pollEvery is the pause between two looks at the counts.
const pollEvery = 50 * time.Millisecond

// count is what a proxy server says of one link.
type count struct {
	enabled bool
	total   float64 // connections ever accepted
}

// accepted asks the proxy server; nil: it does not count.
func accepted(ctx context.Context, api string) (map[string]count, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/links", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the links' connections: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the links' connections: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		_, err := io.Copy(io.Discard, resp.Body)
		return nil, err
	}
	var all []struct {
		Name        string
		Enabled     bool
		Connections struct{ Total float64 }
	}
	if err := errors.Join(status(resp), json.NewDecoder(resp.Body).Decode(&all)); err != nil {
		return nil, fmt.Errorf("ask for the links' connections: %w", err)
	}
	counts := map[string]count{}
	for _, l := range all {
		counts[l.Name] = count{l.Enabled, l.Connections.Total}
	}
	return counts, nil
}

func status(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
