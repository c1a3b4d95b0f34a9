package proxy

import (
	"encoding/json"
	"fmt"
	"slices"

	"eventflow/toxiproxy/toxics"
)

// Toxic is a toxic as the API shows and takes it.
type Toxic struct {
	Attributes toxics.Toxic `json:"attributes"`
	Name       string       `json:"name"`
	Type       string       `json:"type"`
	Stream     string       `json:"stream"`
	Toxicity   float32      `json:"toxicity"`
	Lease      string       `json:"lease,omitempty"` // whose settings are in force
}

// Change is what an update says about a toxic.
type Change struct {
	Attributes json.RawMessage // those named change, the others stay
	Toxicity   *float32        // nil: stays
}

// layered is a toxic and everybody's settings for it, the latest on top and in
// force. When a lease ends its layer goes and what was below is in force again;
// with its last layer the toxic goes.
type layered struct {
	id     uint64
	name   string
	kind   string
	way    Direction
	layers []layer
}

type layer struct {
	lease    string // "" is nobody's: it stays until somebody changes it
	toxic    toxics.Toxic
	toxicity float32
}

func (t *layered) top() layer { return t.layers[len(t.layers)-1] }

func (t *layered) show() Toxic {
	top := t.top()
	return Toxic{Attributes: top.toxic, Name: t.name, Type: t.kind, Stream: t.way.String(), Toxicity: top.toxicity, Lease: top.lease}
}

func (t *layered) active() *active {
	top := t.top()
	return &active{id: t.id, toxic: top.toxic, toxicity: top.toxicity}
}

func (l layer) neutral() bool { return l.toxicity <= 0 || toxics.IsNeutral(l.toxic) }

// drop takes the lease's layer away and says whether there was one.
func (t *layered) drop(lease string) bool {
	before := len(t.layers)
	t.layers = slices.DeleteFunc(t.layers, func(l layer) bool { return l.lease == lease })
	return len(t.layers) < before
}

// maxToxics bounds a proxy's toxics.
const maxToxics = 100

// Add puts a new toxic on the proxy, in the name of a lease or of nobody ("").
func (p *Proxy) Add(lease string, t Toxic) (Toxic, error) {
	way, err := parseDirection(t.Stream)
	if err != nil {
		return Toxic{}, err
	}
	if t.Name == "" {
		t.Name = t.Type + "_" + t.Stream
	}
	p.mu.Lock()
	switch {
	case p.find(t.Name) != nil:
		p.mu.Unlock()
		return Toxic{}, ErrToxicExists
	case len(p.toxics) >= maxToxics:
		p.mu.Unlock()
		return Toxic{}, fmt.Errorf("%w toxics: at most %d on a proxy", ErrTooMany, maxToxics)
	}
	p.serial++
	fresh := &layered{id: p.serial, name: t.Name, kind: t.Type, way: way,
		layers: []layer{{lease: lease, toxic: t.Attributes, toxicity: t.Toxicity}}}
	p.toxics = append(p.toxics, fresh)
	shown := fresh.show()
	p.replan(nil)
	return shown, nil
}

// Update changes a toxic's settings. In the name of a lease it puts a layer on
// top; in nobody's it replaces all layers.
func (p *Proxy) Update(lease, name string, c Change) (Toxic, error) {
	p.mu.Lock()
	t := p.find(name)
	if t == nil {
		p.mu.Unlock()
		return Toxic{}, ErrToxicNotFound
	}
	next := t.top()
	settings, err := toxics.Merge(t.kind, next.toxic, c.Attributes)
	if err != nil {
		p.mu.Unlock()
		return Toxic{}, err
	}
	next.lease, next.toxic = lease, settings
	if c.Toxicity != nil {
		next.toxicity = *c.Toxicity
	}
	if lease == "" {
		t.layers = nil
	}
	t.drop(lease)
	t.layers = append(t.layers, next)
	shown := t.show()
	p.replan(nil)
	return shown, nil
}

// Remove takes the toxic away; in the name of a lease, only that lease's layer.
func (p *Proxy) Remove(lease, name string) error {
	p.mu.Lock()
	t := p.find(name)
	if t == nil {
		p.mu.Unlock()
		return ErrToxicNotFound
	}
	was := t.active()
	if lease == "" {
		t.layers = nil
	} else if !t.drop(lease) {
		p.mu.Unlock()
		return fmt.Errorf("%w: toxic %s", ErrNotYours, name)
	}
	p.replan(p.sweep(map[*layered]*active{t: was}))
	return nil
}

// Toxic is the toxic of that name.
func (p *Proxy) Toxic(name string) (Toxic, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.find(name)
	if t == nil {
		return Toxic{}, ErrToxicNotFound
	}
	return t.show(), nil
}

// Reset makes the proxy whole: enabled, and without a toxic.
func (p *Proxy) Reset() error {
	err := p.SetEnabled("", true)
	p.mu.Lock()
	touched := map[*layered]*active{}
	for _, t := range p.toxics {
		touched[t], t.layers = t.active(), nil
	}
	p.replan(p.sweep(touched))
	return err
}

// sweep takes away the toxics among those touched that have no layer left, and
// returns them as they were. The caller holds mu.
func (p *Proxy) sweep(touched map[*layered]*active) []removed {
	var gone []removed
	for t, was := range touched {
		if len(t.layers) == 0 {
			gone = append(gone, removed{was, t.way})
		}
	}
	p.toxics = slices.DeleteFunc(p.toxics, func(t *layered) bool { return len(t.layers) == 0 })
	return gone
}

type removed struct {
	*active
	way Direction
}

// replan hands every connection the new plans and releases mu, which the caller
// holds. Then it ends the connections that cannot go on: those that a reset is on,
// and those that lost bytes to a toxic that is gone.
func (p *Proxy) replan(gone []removed) {
	for _, way := range []Direction{Upstream, Downstream} {
		p.plans[way] = newPlan(p.on(way))
	}
	open := p.connections()
	for _, c := range open {
		c.up.setPlan(p.plans[Upstream])
		c.down.setPlan(p.plans[Downstream])
	}
	p.mu.Unlock()
	for _, c := range open {
		switch {
		case c.resets():
			c.abort()
		case c.lost(gone):
			c.close()
		}
	}
}

// on are the toxics that do something. The caller holds mu.
func (p *Proxy) on(way Direction) []*active {
	var on []*active
	for _, t := range p.toxics {
		if t.way == way && !t.top().neutral() {
			on = append(on, t.active())
		}
	}
	return on
}

func (c *conn) lost(gone []removed) bool {
	lanes := [...]*lane{Upstream: c.up, Downstream: c.down}
	return slices.ContainsFunc(gone, func(t removed) bool {
		return toxics.EndsOnRemoval(t.toxic) && lanes[t.way].isUnder(t.active)
	})
}

// find returns nil if there is none. The caller holds mu.
func (p *Proxy) find(name string) *layered {
	for _, t := range p.toxics {
		if t.name == name {
			return t
		}
	}
	return nil
}

// shown are all toxics, upstream first, as the stock server lists them. The caller
// holds mu.
func (p *Proxy) shown() []Toxic {
	out := make([]Toxic, 0, len(p.toxics))
	for _, way := range []Direction{Upstream, Downstream} {
		for _, t := range p.toxics {
			if t.way == way {
				out = append(out, t.show())
			}
		}
	}
	return out
}
