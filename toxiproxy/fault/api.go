package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// callDeadline bounds each call to the API. A healthy server answers in a
// millisecond; a stuck one holds its own lock and would answer 503 after 25 s.
const callDeadline = 2 * time.Second

// leaseHeader binds what a request does to a lease. The stock server does not read it.
const leaseHeader = "Toxiproxy-Lease"

// server is the proxy server's API, as far as this package needs it.
//
// Toxiproxy's own client takes no context and waits 30 s, which is longer than a
// whole heal may take; its index call also asks every proxy, so that one stuck
// proxy hides all the others. Hence these few calls, one proxy at a time.
type server struct {
	base   string
	lease  string // in whose name changes are made, "" for nobody's
	client *http.Client
}

// remoteProxy is a proxy as the server describes it.
type remoteProxy struct {
	Name     string   `json:"name"`
	Listen   string   `json:"listen"`
	Upstream string   `json:"upstream"`
	Enabled  bool     `json:"enabled"`
	DownBy   []string `json:"down_by"` // the leases that hold it disabled
	Toxics   []toxic  `json:"toxics"`

	planned bool // the ends are as they ought to be, not as they were found
	astray  bool // the server has it at other ends than planned
	absent  bool // the server has no such proxy
}

// apiError is an answer other than the hoped for.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.status, e.message) }

// isMissing says that the server answered, and has no such proxy.
func isMissing(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.status == http.StatusNotFound
}

// isStuck says that the server did not answer for this proxy: one of its locks
// is held, and every further call would wait behind it.
func isStuck(err error) bool {
	var api *apiError
	if errors.As(err, &api) {
		return api.status == http.StatusServiceUnavailable
	}
	return errors.Is(err, context.DeadlineExceeded)
}

func newServer(base string) *server {
	return &server{base: base, client: &http.Client{
		// A connection per call: a kept one that died with a restarted server
		// would fail the first POST after it.
		Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil},
		// The guard looked at base. Nobody may lead us elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// as is the same server, on which changes are made in the name of a lease.
func (s *server) as(lease string) *server {
	named := *s
	named.lease = lease
	return &named
}

func (s *server) show(ctx context.Context, name string) (remoteProxy, error) {
	var p remoteProxy
	err := s.call(ctx, http.MethodGet, proxyPath(name), nil, &p)
	return p, err
}

func (s *server) create(ctx context.Context, p remoteProxy) error {
	body := map[string]any{"name": p.Name, "listen": p.Listen, "upstream": p.Upstream, "enabled": p.Enabled}
	return s.call(ctx, http.MethodPost, "/proxies", body, nil)
}

func (s *server) enable(ctx context.Context, name string, enabled bool) error {
	return s.call(ctx, http.MethodPatch, proxyPath(name), map[string]bool{"enabled": enabled}, nil)
}

func (s *server) remove(ctx context.Context, name string) error {
	return s.call(ctx, http.MethodDelete, proxyPath(name), nil, nil)
}

func (s *server) addToxic(ctx context.Context, proxy string, t toxic) error {
	return s.call(ctx, http.MethodPost, proxyPath(proxy)+"/toxics", t, nil)
}

func (s *server) updateToxic(ctx context.Context, proxy string, t toxic) error {
	body := map[string]any{"attributes": t.Attributes, "toxicity": t.Toxicity}
	return s.call(ctx, http.MethodPatch, proxyPath(proxy)+"/toxics/"+url.PathEscape(t.Name), body, nil)
}

func (s *server) removeToxic(ctx context.Context, proxy, name string) error {
	return s.call(ctx, http.MethodDelete, proxyPath(proxy)+"/toxics/"+url.PathEscape(name), nil, nil)
}

// tryLock asks for a change that the server refuses as soon as it holds the
// proxy's own lock, before it touches anything: a listener without a port.
func (s *server) tryLock(ctx context.Context, name string) error {
	return s.call(ctx, http.MethodPatch, proxyPath(name), map[string]string{"listen": "no port"}, nil)
}

func proxyPath(name string) string { return "/proxies/" + url.PathEscape(name) }

// call makes one call within its deadline and decodes the answer into out.
func (s *server) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	err := s.exchange(ctx, method, path, in, out)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return s.down(err)
	case err != nil:
		return fmt.Errorf("proxy server: %s %s: %w", method, path, err)
	}
	return nil
}

func (s *server) exchange(ctx context.Context, method, path string, in, out any) error {
	body, err := encode(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.lease != "" {
		req.Header.Set(leaseHeader, s.lease)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer res.Body.Close()
	return decode(res, out)
}

func encode(in any) (io.Reader, error) {
	if in == nil {
		return http.NoBody, nil
	}
	b, err := json.Marshal(in)
	return bytes.NewReader(b), err
}

// decode reads at most 4 MiB: the server's answers are small, and some are not
// JSON at all. out may be a function that reads the answer by itself.
func decode(res *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return refusal(res.StatusCode, b)
	}
	switch read := out.(type) {
	case nil:
		return nil
	case func(http.Header, []byte) error:
		return read(res.Header, b)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("the answer is not a proxy server's: %w", err)
	}
	return nil
}

func refusal(status int, body []byte) error {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		said.Error = string(bytes.TrimSpace(body))
	}
	if said.Error == "" {
		said.Error = http.StatusText(status)
	}
	return &apiError{status: status, message: said.Error}
}

// withoutURL drops the method and address that net/http repeats.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
