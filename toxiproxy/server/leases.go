package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"eventflow/toxiproxy/event"
	"eventflow/toxiproxy/lease"
	"eventflow/toxiproxy/proxy"
)

// LeaseHeader binds what a request does to a lease. The query parameter "lease"
// does the same for clients that cannot set a header.
const LeaseHeader = "Toxiproxy-Lease"

func leaseOf(r *http.Request) string {
	if id := r.Header.Get(LeaseHeader); id != "" {
		return id
	}
	return r.URL.Query().Get("lease")
}

// as does something in the name of a lease, or of nobody.
func (s *Server) as(holder string, do func() error) error {
	if holder == "" {
		return do()
	}
	return s.leases.Use(holder, do)
}

// leaseView is a lease as the API shows it.
type leaseView struct {
	ID      string                   `json:"id,omitempty"`
	Owner   string                   `json:"owner"`
	Forever bool                     `json:"forever"`
	TTL     string                   `json:"ttl,omitempty"`
	LeftMS  int64                    `json:"expires_in_ms,omitempty"`
	Expires *time.Time               `json:"expires,omitempty"` // by the wall clock, for people; the server goes by its monotonic one
	Ending  lease.Reason             `json:"ending,omitempty"`
	Problem string                   `json:"problem,omitempty"`
	Faults  map[string][]proxy.Fault `json:"faults"`
}

func (s *Server) viewLease(l lease.Lease) leaseView {
	expires := time.Now().Add(l.Left).UTC().Round(time.Millisecond)
	v := leaseView{ID: l.ID, Owner: l.Owner, TTL: l.TTL.String(), LeftMS: l.Left.Milliseconds(),
		Expires: &expires, Ending: l.Ending, Faults: s.faultsOf(l.ID)}
	if l.Problem != nil {
		v.Problem = l.Problem.Error()
	}
	return v
}

// faultsOf are the lease's faults per proxy; "" is nobody's lease.
func (s *Server) faultsOf(id string) map[string][]proxy.Fault {
	out := map[string][]proxy.Fault{}
	for _, p := range s.proxies.All() {
		for _, f := range p.Faults() {
			if f.Lease == id {
				out[f.Proxy] = append(out[f.Proxy], f)
			}
		}
	}
	return out
}

// listLeases lists, after the leases, what was done without one.
func (s *Server) listLeases(http.ResponseWriter, *http.Request) (any, error) {
	all := []leaseView{}
	for _, l := range s.leases.List() {
		all = append(all, s.viewLease(l))
	}
	return append(all, leaseView{Owner: "none", Forever: true, Faults: s.faultsOf("")}), nil
}

func (s *Server) showLease(_ http.ResponseWriter, r *http.Request) (any, error) {
	l, err := s.leases.Get(r.PathValue("lease"))
	if err != nil {
		return nil, err
	}
	return s.viewLease(l), nil
}

// leaseInput asks for a lease, or for more of it.
type leaseInput struct {
	Owner string `json:"owner"`
	TTL   string `json:"ttl"` // as Go writes durations: "60s"
}

func (in leaseInput) ttl() (time.Duration, error) {
	d, err := time.ParseDuration(in.TTL)
	if err != nil {
		return 0, &apiError{"invalid lease: ttl: " + err.Error(), http.StatusBadRequest}
	}
	return d, nil
}

func (s *Server) openLease(_ http.ResponseWriter, r *http.Request) (any, error) {
	var in leaseInput
	if err := read(r, &in); err != nil {
		return nil, err
	}
	ttl, err := in.ttl()
	if err != nil {
		return nil, err
	}
	l, err := s.leases.Open(in.Owner, ttl)
	if err != nil {
		return nil, err
	}
	s.say(event.Event{Type: "lease_opened", Lease: l.ID, Owner: l.Owner, Text: fmt.Sprintf("%s holds a lease for %s", l.Owner, l.TTL)})
	return created{s.viewLease(l)}, nil
}

// renewLease takes an empty body for the ttl the lease has.
func (s *Server) renewLease(_ http.ResponseWriter, r *http.Request) (any, error) {
	var in leaseInput
	ttl := time.Duration(0)
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil && !errors.Is(err, io.EOF) {
		return nil, badBody(err)
	}
	if in.TTL != "" {
		var err error
		if ttl, err = in.ttl(); err != nil {
			return nil, err
		}
	}
	l, err := s.leases.Renew(r.PathValue("lease"), ttl)
	if err != nil {
		return nil, err
	}
	return s.viewLease(l), nil
}

func (s *Server) releaseLease(_ http.ResponseWriter, r *http.Request) (any, error) {
	id := r.PathValue("lease")
	healed := s.faultsOf(id)
	if err := s.leases.Release(id); err != nil {
		return nil, err
	}
	return map[string]any{"healed": healed}, nil
}

// undo heals what a lease did on every link. It is called again until all is healed.
func (s *Server) undo(l lease.Lease, why lease.Reason) error {
	var failed []error
	count := 0
	for _, p := range s.proxies.All() {
		healed, err := p.Heal(l.ID)
		failed = append(failed, err)
		count += len(healed)
		for _, f := range healed {
			s.metrics.healed.WithLabelValues(string(why)).Inc()
			s.say(event.Event{Type: "healed", Lease: l.ID, Owner: l.Owner, Proxy: f.Proxy, Fault: f.Kind,
				Text: fmt.Sprintf("the proxy server healed %s: the lease of %s %s", f, l.Owner, why)})
		}
	}
	err := errors.Join(failed...)
	s.sayEnded(l, why, count, err)
	return err
}

func (s *Server) sayEnded(l lease.Lease, why lease.Reason, healed int, err error) {
	e := event.Event{Type: "lease_" + string(why), Lease: l.ID, Owner: l.Owner,
		Text: fmt.Sprintf("the lease of %s %s, %d faults healed", l.Owner, why, healed)}
	switch {
	case err == nil:
		s.metrics.ended.WithLabelValues(string(why)).Inc()
	case l.Problem == nil || l.Problem.Error() != err.Error(): // said once, not at each try
		e.Type, e.Text = "heal_failed", fmt.Sprintf("the lease of %s %s and not all is healed yet: %v", l.Owner, why, err)
	default:
		return
	}
	s.say(e)
}

// say puts the event where the lab and where people look. That the server healed
// what somebody left behind is worth a warning.
func (s *Server) say(e event.Event) {
	s.events.Add(e)
	level := slog.LevelInfo
	switch e.Type {
	case "lease_" + string(lease.Lapsed):
		level = slog.LevelWarn
	case "heal_failed":
		level = slog.LevelError
	}
	s.log.Log(context.Background(), level, e.Text, "event", e.Type, "lease", e.Lease, "owner", e.Owner, "proxy", e.Proxy)
}

// note says that a fault began or ended by somebody's request.
func (s *Server) note(holder, link, fault, what string) {
	e := event.Event{Type: what, Lease: holder, Owner: "none", Proxy: link, Fault: fault}
	if l, err := s.leases.Get(holder); err == nil {
		e.Owner = l.Owner
	}
	e.Text = fmt.Sprintf("%s: %s on %s, by %s", what, fault, link, e.Owner)
	s.say(e)
}
