package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"eventflow/toxiproxy/proxy"
)

// proxyInput is a proxy as it is asked for.
type proxyInput struct {
	Name     string `json:"name"`
	Listen   string `json:"listen"`
	Upstream string `json:"upstream"`
	Enabled  *bool  `json:"enabled"` // nil: true for a new one, as it is for another
}

func (in proxyInput) enabled(otherwise bool) bool {
	if in.Enabled == nil {
		return otherwise
	}
	return *in.Enabled
}

func (in proxyInput) check() error {
	switch {
	case in.Name == "":
		return missing("name")
	case in.Upstream == "":
		return missing("upstream")
	}
	return nil
}

func (s *Server) fromInput(in proxyInput) *proxy.Proxy {
	return proxy.New(s.log, s.dice, in.Name, in.Listen, in.Upstream)
}

// onProxy finds the proxy that the path names.
func (s *Server) onProxy(h func(*proxy.Proxy, http.ResponseWriter, *http.Request) (any, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		p, err := s.proxies.Get(r.PathValue("proxy"))
		if err != nil {
			return nil, err
		}
		return h(p, w, r)
	}
}

func (s *Server) index(http.ResponseWriter, *http.Request) (any, error) {
	out := map[string]proxy.View{}
	for _, p := range s.proxies.All() {
		out[p.Name()] = p.View()
	}
	return out, nil
}

func (s *Server) create(_ http.ResponseWriter, r *http.Request) (any, error) {
	var in proxyInput
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	p := s.fromInput(in)
	if err := s.proxies.Add(p, in.enabled(true)); err != nil {
		return nil, err
	}
	return created{p.View()}, nil
}

func (s *Server) show(p *proxy.Proxy, _ http.ResponseWriter, _ *http.Request) (any, error) {
	return p.View(), nil
}

func (s *Server) remove(p *proxy.Proxy, _ http.ResponseWriter, _ *http.Request) (any, error) {
	return nil, s.proxies.Remove(p.Name())
}

// update changes where a proxy listens and leads, and whether it is enabled. A
// lease covers only the last, for that alone can be taken back without a loss.
func (s *Server) update(p *proxy.Proxy, _ http.ResponseWriter, r *http.Request) (any, error) {
	now := p.View()
	in := proxyInput{Listen: now.Listen, Upstream: now.Upstream}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	holder := leaseOf(r)
	if err := redirect(p, in, holder); err != nil {
		return nil, err
	}
	if in.Enabled != nil {
		if err := s.setEnabled(p, holder, *in.Enabled, *in.Enabled != now.Enabled); err != nil {
			return nil, err
		}
	}
	return p.View(), nil
}

func redirect(p *proxy.Proxy, in proxyInput, holder string) error {
	if holder == "" {
		return p.Redirect(in.Listen, in.Upstream)
	}
	differs, err := p.Differs(in.Listen, in.Upstream)
	if err == nil && differs {
		err = &apiError{"a lease covers faults, not where a proxy listens or leads", http.StatusBadRequest}
	}
	return err
}

func (s *Server) setEnabled(p *proxy.Proxy, holder string, enabled, changed bool) error {
	err := s.as(holder, func() error { return p.SetEnabled(holder, enabled) })
	if err == nil && changed {
		s.note(holder, p.Name(), proxy.Down, map[bool]string{true: "fault_off", false: "fault_on"}[enabled])
	}
	return err
}

// reset makes every proxy whole and goes on past one that will not start. The
// error names those.
func (s *Server) reset(http.ResponseWriter, *http.Request) (any, error) {
	var failed []error
	for _, p := range s.proxies.All() {
		failed = append(failed, p.Reset())
	}
	s.note("", "", "all", "fault_off")
	return nil, errors.Join(failed...)
}

// populated is the stock server's answer to /populate, in error and without.
type populated struct {
	Message string       `json:"error,omitempty"`
	Status  int          `json:"status,omitempty"`
	Proxies []proxy.View `json:"proxies"`
}

func (s *Server) populate(_ http.ResponseWriter, r *http.Request) (any, error) {
	views, err := s.Populate(r.Body)
	if err != nil {
		e := asAPIError(err)
		return status{e.Status, populated{e.Message, e.Status, views}}, nil
	}
	return created{populated{Proxies: views}}, nil
}

// Populate takes in every proxy of the list, and leaves those alone that are
// there already as listed. As with the stock server, toxics in it have no effect.
func (s *Server) Populate(list io.Reader) ([]proxy.View, error) {
	var in []proxyInput
	if err := read(&http.Request{Body: io.NopCloser(list)}, &in); err != nil {
		return nil, err
	}
	for n, each := range in {
		var field *apiError
		if err := each.check(); errors.As(err, &field) {
			return nil, &apiError{fmt.Sprintf("%s at proxy %d", field.Message, n+1), field.Status}
		}
	}
	views := make([]proxy.View, 0, len(in))
	for _, each := range in {
		p, err := s.proxies.Ensure(s.fromInput(each), each.enabled(true))
		if err != nil {
			return views, err
		}
		views = append(views, p.View())
	}
	return views, nil
}
