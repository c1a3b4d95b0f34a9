package proxy

import "sync/atomic"

// Traffic counts what went through a proxy, while it goes.
type Traffic struct {
	Upstream, Downstream Flow
	Total                atomic.Int64 // connections taken
	Refused              atomic.Int64 // of which the upstream could not be reached
	Dialing              atomic.Int64 // of which it is being dialled now
}

// Flow counts the bytes of one direction.
type Flow struct {
	Received atomic.Int64 // read from the one end
	Sent     atomic.Int64 // written to the other
	Lost     atomic.Int64 // thrown away by a toxic
}

// Usage is Traffic at one moment.
type Usage struct {
	Open     int64 `json:"open"`
	Total    int64 `json:"total"`
	Refused  int64 `json:"refused"`
	Dialing  int64 `json:"dialing"`
	Up, Down Bytes `json:"-"`
}

// Bytes is Flow at one moment.
type Bytes struct {
	Received int64 `json:"received_bytes"`
	Sent     int64 `json:"sent_bytes"`
	Lost     int64 `json:"lost_bytes"`
}

// Usage is what went through up to now, open connections included.
func (p *Proxy) Usage() Usage {
	p.mu.Lock()
	open := int64(len(p.conns))
	p.mu.Unlock()
	t := &p.traffic
	return Usage{
		Open: open, Total: t.Total.Load(), Refused: t.Refused.Load(), Dialing: t.Dialing.Load(),
		Up: t.Upstream.now(), Down: t.Downstream.now(),
	}
}

func (f *Flow) now() Bytes {
	return Bytes{Received: f.Received.Load(), Sent: f.Sent.Load(), Lost: f.Lost.Load()}
}
