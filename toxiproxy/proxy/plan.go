package proxy

import "eventflow/toxiproxy/toxics"

// Direction is a way through a proxy.
type Direction int

// The two ways, by whither the bytes go.
const (
	Upstream   Direction = iota // from the client to the server
	Downstream                  // back
)

// String is the stock API's word.
func (d Direction) String() string { return [...]string{"upstream", "downstream"}[d] }

func parseDirection(s string) (Direction, error) {
	switch s {
	case "upstream":
		return Upstream, nil
	case "downstream":
		return Downstream, nil
	}
	return 0, ErrStream
}

// plan is what is done to the bytes of one direction. It never changes: another
// takes its place.
type plan struct {
	toxics []*active // in the order in which they were added
	buffer int       // bytes that may wait
}

// active is a toxic that does something, with the settings in force.
type active struct {
	id       uint64 // the same through all updates of the toxic
	toxic    toxics.Toxic
	toxicity float32 // how many of the connections it is on, 0 to 1
}

// clear says whether bytes may pass as if the plan were not there.
func (p *plan) clear() bool { return len(p.toxics) == 0 }

// How many bytes of one direction may wait in memory. A delay needs room for what
// arrives during it; anything else is better felt by the sender at once.
const (
	shortQueue = 64 << 10
	longQueue  = 16 << 20
)

func newPlan(on []*active) *plan {
	p := &plan{toxics: on, buffer: shortQueue}
	for _, t := range on {
		if _, delays := t.toxic.(*toxics.Latency); delays {
			p.buffer = longQueue
		}
	}
	return p
}
