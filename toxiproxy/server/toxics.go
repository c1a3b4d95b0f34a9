package server

import (
	"encoding/json"
	"net/http"

	"eventflow/toxiproxy/proxy"
	"eventflow/toxiproxy/toxics"
)

// toxicInput is a toxic as it is asked for.
type toxicInput struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Stream     string          `json:"stream"`
	Toxicity   *float32        `json:"toxicity"`
	Attributes json.RawMessage `json:"attributes"`
}

func (in toxicInput) toxic() (proxy.Toxic, error) {
	t := proxy.Toxic{Name: in.Name, Type: in.Type, Stream: in.Stream, Toxicity: 1}
	if in.Toxicity != nil {
		t.Toxicity = *in.Toxicity
	}
	if t.Stream == "" {
		t.Stream = "downstream"
	}
	if t.Stream != "upstream" && t.Stream != "downstream" {
		return t, proxy.ErrStream
	}
	if toxics.New(in.Type) == nil {
		return t, proxy.ErrToxicType
	}
	settings, err := toxics.Merge(in.Type, nil, in.Attributes)
	t.Attributes = settings
	return t, err
}

func (s *Server) toxics(p *proxy.Proxy, _ http.ResponseWriter, _ *http.Request) (any, error) {
	return p.View().Toxics, nil
}

func (s *Server) toxic(p *proxy.Proxy, _ http.ResponseWriter, r *http.Request) (any, error) {
	return p.Toxic(r.PathValue("toxic"))
}

func (s *Server) addToxic(p *proxy.Proxy, _ http.ResponseWriter, r *http.Request) (any, error) {
	var in toxicInput
	if err := read(r, &in); err != nil {
		return nil, err
	}
	t, err := in.toxic()
	if err != nil {
		return nil, err
	}
	holder := leaseOf(r)
	err = s.as(holder, func() error {
		t, err = p.Add(holder, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.noteToxic(holder, p, t)
	return t, nil
}

func (s *Server) updateToxic(p *proxy.Proxy, _ http.ResponseWriter, r *http.Request) (any, error) {
	if _, err := p.Toxic(r.PathValue("toxic")); err != nil {
		return nil, err
	}
	var in toxicInput
	if err := read(r, &in); err != nil {
		return nil, err
	}
	var t proxy.Toxic
	holder := leaseOf(r)
	err := s.as(holder, func() (err error) {
		t, err = p.Update(holder, r.PathValue("toxic"), proxy.Change{Attributes: in.Attributes, Toxicity: in.Toxicity})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.noteToxic(holder, p, t)
	return t, nil
}

func (s *Server) removeToxic(p *proxy.Proxy, _ http.ResponseWriter, r *http.Request) (any, error) {
	t, err := p.Toxic(r.PathValue("toxic"))
	if err != nil {
		return nil, err
	}
	holder := leaseOf(r)
	err = s.as(holder, func() error { return p.Remove(holder, t.Name) })
	if err == nil {
		s.note(holder, p.Name(), t.Type+" "+t.Stream, "fault_off")
	}
	return nil, err
}

// noteToxic says what a new or changed toxic does: one that does nothing is a heal.
func (s *Server) noteToxic(holder string, p *proxy.Proxy, t proxy.Toxic) {
	what := "fault_on"
	if t.Toxicity <= 0 || toxics.IsNeutral(t.Attributes) {
		what = "fault_off"
	}
	s.note(holder, p.Name(), t.Type+" "+t.Stream, what)
}
