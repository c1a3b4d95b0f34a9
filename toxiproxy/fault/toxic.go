package fault

import (
	"fmt"
	"reflect"
	"time"
)

// attributes differ by a toxic's type; numbers are float64, as encoding/json has it.
type attributes = map[string]any

// toxic is a toxic as the server describes it and as it takes it. Toxicity stays
// 1: the stock server draws it per connection from a source that no seed controls.
type toxic struct {
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Stream     string     `json:"stream"`
	Toxicity   float32    `json:"toxicity"`
	Attributes attributes `json:"attributes"`
	Lease      string     `json:"lease,omitempty"` // whose settings are in force; only told, never sent
}

func latency(name, stream string, delay, jitter time.Duration) toxic {
	return toxic{Name: name, Type: "latency", Stream: stream, Toxicity: 1,
		Attributes: attributes{"latency": float64(delay.Milliseconds()), "jitter": float64(jitter.Milliseconds())}}
}

func drop(way Direction) toxic { return plain(dropped, "timeout", way, attributes{"timeout": 0.0}) }

// plain is a toxic on one direction, named after it.
func plain(what, kind string, way Direction, a attributes) toxic {
	if a == nil {
		a = attributes{}
	}
	stream := map[Direction]string{Up: "upstream", Down: "downstream"}[way]
	return toxic{Name: named(what, way), Type: kind, Stream: stream, Toxicity: 1, Attributes: a}
}

// same says whether two toxics do the same, whoever put them there.
func (t toxic) same(other toxic) bool {
	t.Lease, other.Lease = "", ""
	return reflect.DeepEqual(t, other)
}

// idle says whether the toxic does nothing: a latency of 0.
func (t toxic) idle() bool {
	return t.Type == "latency" && t.number("latency") == 0 && t.number("jitter") == 0
}

// number is an attribute, 0 if there is none.
func (t toxic) number(key string) float64 {
	n, _ := t.Attributes[key].(float64) // encoding/json's only kind of number
	return n
}

// ms is an attribute in milliseconds.
func (t toxic) ms(key string) time.Duration { return time.Duration(t.number(key)) * time.Millisecond }

func (t toxic) describe() string {
	switch {
	case t.Type == "latency" && t.ms("jitter") != 0:
		return fmt.Sprintf("%s:%s±%s", t.Name, t.ms("latency"), t.ms("jitter"))
	case t.Type == "latency":
		return fmt.Sprintf("%s:%s", t.Name, t.ms("latency"))
	case t.Type == "bandwidth":
		return fmt.Sprintf("%s:%s", t.Name, Rate(t.number("rate")))
	case t.Type == "limit_data":
		return fmt.Sprintf("%s:%.0fB", t.Name, t.number("bytes"))
	}
	return t.Name + ":" + t.Type
}

// has says whether the proxy has exactly this toxic, whoever put it there.
func (p remoteProxy) has(t toxic) bool {
	found, ok := p.toxic(t.Name)
	return ok && found.same(t)
}

func (p remoteProxy) toxic(name string) (toxic, bool) {
	for _, t := range p.Toxics {
		if t.Name == name {
			return t, true
		}
	}
	return toxic{}, false
}
