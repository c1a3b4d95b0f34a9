package proxy

import (
	"encoding/json"
	"fmt"
)

// Fault is one thing that is done to a link, and for whom.
type Fault struct {
	Proxy      string          `json:"proxy"`
	Kind       string          `json:"kind"`  // "down", or the toxic's type
	Lease      string          `json:"lease"` // "" is nobody's
	Toxic      string          `json:"toxic,omitempty"`
	Stream     string          `json:"stream,omitempty"`
	Toxicity   float32         `json:"toxicity,omitempty"`
	Attributes json.RawMessage `json:"attributes,omitempty"`
	InForce    bool            `json:"in_force"` // false: a later one covers it
}

// Down is the kind of fault that is a disabled proxy.
const Down = "down"

// Faults are all that is done to the link, what is covered by something later too.
// A toxic that does nothing is none.
func (p *Proxy) Faults() []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Fault
	if !p.wanted {
		out = append(out, Fault{Proxy: p.name, Kind: Down, InForce: true})
	}
	for _, lease := range p.downBy {
		out = append(out, Fault{Proxy: p.name, Kind: Down, Lease: lease, InForce: true})
	}
	for _, t := range p.toxics {
		for n, l := range t.layers {
			if !l.neutral() {
				out = append(out, p.fault(t, l, n == len(t.layers)-1))
			}
		}
	}
	return out
}

func (p *Proxy) fault(t *layered, l layer, top bool) Fault {
	settings, err := json.Marshal(l.toxic)
	if err != nil { // a struct of numbers
		settings = nil
	}
	return Fault{Proxy: p.name, Kind: t.kind, Lease: l.lease, Toxic: t.name, Stream: t.way.String(),
		Toxicity: l.toxicity, Attributes: settings, InForce: top}
}

// String is the fault in a line: "app-1_redis: latency downstream".
func (f Fault) String() string {
	if f.Kind == Down {
		return f.Proxy + ": down"
	}
	return fmt.Sprintf("%s: %s %s", f.Proxy, f.Kind, f.Stream)
}

// Heal takes back all that the lease did to the link, and only that. It returns
// what was taken back. After an error it can be called again.
func (p *Proxy) Heal(lease string) ([]Fault, error) {
	healed := p.healToxics(lease)
	p.changing.Lock()
	defer p.changing.Unlock()
	p.mu.Lock()
	before := len(p.downBy)
	p.mu.Unlock()
	if err := p.giveUp(lease); err != nil {
		return healed, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.downBy) < before {
		healed = append(healed, Fault{Proxy: p.name, Kind: Down, Lease: lease})
	}
	return healed, nil
}

func (p *Proxy) healToxics(lease string) []Fault {
	p.mu.Lock()
	touched := map[*layered]*active{}
	var healed []Fault
	for _, t := range p.toxics {
		was, top := t.active(), t.top()
		if !t.drop(lease) {
			continue
		}
		touched[t] = was
		if top.lease == lease {
			healed = append(healed, p.fault(t, top, false))
		}
	}
	if len(touched) == 0 {
		p.mu.Unlock()
		return nil
	}
	p.replan(p.sweep(touched))
	return healed
}
