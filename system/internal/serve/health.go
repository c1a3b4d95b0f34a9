package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Dependency is something the service needs, with a round trip that proves it
// answers. Check must end with ctx; /readyz does not wait longer if it does not.
type Dependency struct {
	Name  string
	Check func(ctx context.Context) error
}

// Readiness is the body of /readyz.
type Readiness struct {
	Node         string  `json:"node"`
	Ready        bool    `json:"ready"`
	Draining     bool    `json:"draining,omitempty"`
	Dependencies []State `json:"dependencies"`
}

// State is one dependency's line on /readyz.
type State struct {
	Name      string  `json:"name"`
	OK        bool    `json:"ok"`
	Error     string  `json:"error,omitempty"`
	LatencyMS float64 `json:"latency_ms"`
}

// healthz says that the process lives, and nothing more: if a lost dependency
// made it fail, an orchestrator would kill nodes that still serve.
func (s *Service) healthz(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "service": s.name, "node": s.cfg.Node})
}

// readyz tells people and the lab that everything is whole. No balancer routes by
// it: a node that has lost Redis still serves what needs no Redis.
func (s *Service) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.CheckTimeout)
	defer cancel()
	page := Readiness{Node: s.cfg.Node, Ready: true, Dependencies: check(ctx, s.checks)}
	for _, d := range page.Dependencies {
		page.Ready = page.Ready && d.OK
	}
	select {
	case <-s.draining:
		page.Ready, page.Draining = false, true
	default:
	}
	status := http.StatusOK
	if !page.Ready {
		status = http.StatusServiceUnavailable
	}
	s.writeJSON(w, status, page)
}

// check asks all dependencies at once, so that the page takes as long as the
// slowest of them and never longer than ctx.
func check(ctx context.Context, list []Dependency) []State {
	answers := make([]chan State, len(list))
	for i, d := range list {
		answers[i] = make(chan State, 1)
		go func() { answers[i] <- ask(ctx, d) }()
	}
	states := make([]State, len(list))
	begun := time.Now()
	for i, d := range list {
		select {
		case states[i] = <-answers[i]:
		case <-ctx.Done():
			states[i] = late(d, answers[i], ctx.Err(), time.Since(begun))
		}
	}
	return states
}

// late prefers an answer that arrived together with the deadline.
func late(d Dependency, answer <-chan State, err error, waited time.Duration) State {
	select {
	case s := <-answer:
		return s
	default:
		return State{Name: d.Name, Error: fmt.Sprintf("check: %v", err), LatencyMS: ms(waited)}
	}
}

func ask(ctx context.Context, d Dependency) State {
	begun := time.Now()
	err := d.Check(ctx)
	state := State{Name: d.Name, OK: err == nil, LatencyMS: ms(time.Since(begun))}
	if err != nil {
		state.Error = err.Error()
	}
	return state
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *Service) writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-EventFlow-Node", s.cfg.Node)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.Log.Debug("write page", "err", err)
	}
}
