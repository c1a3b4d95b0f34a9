// Package fault breaks links and mends them again, and proves both.
//
// A Fault is data: what a client of the link will see, and on which links. An
// Injector puts it in force through the proxy server's HTTP API, reads the
// proxies' state back and probes the links, so that a fault which did not bite
// cannot pass for one that did. Heal is as strict: a link is healed when its
// protocol's round trip succeeds, not when the server says 200.
//
// The package speaks Toxiproxy's API, and any server that serves it will do. It
// must not know what the services do, who is testing them or why: links, ports
// and protocols come from the map it is given.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"eventflow/toxiproxy/topology"
)

// Fault is one fault on a set of links. Which fields a kind takes, its constructor
// shows; the others stay empty.
type Fault struct {
	Kind Kind `json:"kind"`
	// Links are link names or patterns, as topology.Map.Select takes them.
	Links []string `json:"links"`
	// Direction is the way whose bytes the fault is on; empty is what Kind says.
	Direction Direction `json:"direction,omitempty"`
	// Delay is by how much a slow link's answers and a late link's requests are
	// late; whole milliseconds.
	Delay Duration `json:"delay,omitempty"`
	// Jitter spreads each delay evenly over Delay-Jitter to Delay+Jitter.
	Jitter Duration `json:"jitter,omitempty"`
	// Rate is what a trickle lets through, in each of its directions.
	Rate Rate `json:"rate,omitempty"`
	// Bytes is what a truncate lets through of each connection before it ends it.
	Bytes int64 `json:"bytes,omitempty"`
	// Period is how long a flap takes for being cut once and whole once.
	Period Duration `json:"period,omitempty"`
}

// Bounds of what a fault may ask for. Apply watches a delay and a period pass
// before it believes in the fault, and whoever means "for ever" means a hang.
const (
	MaxDelay  = 30 * time.Second // Delay+Jitter
	MinPeriod = 100 * time.Millisecond
	MaxPeriod = 10 * time.Second
	MaxRate   = Rate(1000) // what is faster is no trickle
	MaxBytes  = 1 << 30
)

// Cut refuses: what a dead host's kernel or a firewall's reject does.
func Cut(links ...string) Fault { return Fault{Kind: KindCut, Links: links} }

// Slow delays every answer by delay, give or take jitter. Requests pass at full
// speed, so that a round trip costs the delay once.
func Slow(delay, jitter time.Duration, links ...string) Fault {
	return Fault{Kind: KindSlow, Links: links, Delay: Duration(delay), Jitter: Duration(jitter)}
}

// Hang swallows both directions: a cable pulled, a firewall's drop.
func Hang(links ...string) Fault { return Fault{Kind: KindHang, Links: links} }

// Hold is a partition that ends: what a pulled cable does that is plugged in again
// before TCP gives up. Only can hold one direction.
func Hold(links ...string) Fault { return Fault{Kind: KindHold, Links: links} }

// LoseReplies swallows answers only: the commit that took place and was never
// confirmed.
func LoseReplies(links ...string) Fault { return Fault{Kind: KindLoseReplies, Links: links} }

// LoseRequests swallows requests only: the server sees a client that fell silent.
func LoseRequests(links ...string) Fault { return Fault{Kind: KindLoseRequests, Links: links} }

// Late delivers every request late by delay. With a delay beyond the client's
// patience it is done after the client has given up.
func Late(delay time.Duration, links ...string) Fault {
	return Fault{Kind: KindLate, Links: links, Delay: Duration(delay)}
}

// Reset answers every connection, open and idle ones included, with a reset: what
// a load balancer does that forgot its connections.
func Reset(links ...string) Fault { return Fault{Kind: KindReset, Links: links} }

// Trickle lets rate through and loses nothing. Only can thin one direction.
func Trickle(rate Rate, links ...string) Fault {
	return Fault{Kind: KindTrickle, Links: links, Rate: rate}
}

// Truncate ends each connection after that many bytes of answers, counted from
// when the fault began: a message that breaks off. Only(Up) counts requests.
func Truncate(bytes int64, links ...string) Fault {
	return Fault{Kind: KindTruncate, Links: links, Bytes: bytes}
}

// Flap cuts the links for half of each period, all at the same times. It lasts as
// long as the injector lives that applied it, and its lease.
func Flap(period time.Duration, links ...string) Fault {
	return Fault{Kind: KindFlap, Links: links, Period: Duration(period)}
}

// Only is the same fault on one direction.
func (f Fault) Only(d Direction) Fault {
	f.Direction = d
	return f
}

// Validate reports every way in which the fault makes no sense on that map.
func (f Fault) Validate(m topology.Map) error {
	errs := []error{f.validKind()}
	if len(f.Links) == 0 {
		errs = append(errs, errors.New("a fault needs at least one link"))
	}
	if _, err := m.Select(f.Links...); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("fault %q: %w", f.Kind, err)
	}
	return nil
}

// String is the fault as people say it: "slow 3s±1s on postgres".
func (f Fault) String() string {
	return f.state("").String() + " on " + strings.Join(f.Links, ", ")
}

// state is what each of the fault's links is to be in, in the name of a lease.
func (f Fault) state(lease string) state {
	return state{
		kind: f.Kind, way: f.way(), delay: time.Duration(f.Delay), jitter: time.Duration(f.Jitter),
		rate: f.Rate, bytes: f.Bytes, period: time.Duration(f.Period), lease: lease,
	}
}

// way is the direction that is meant, "" for a kind that takes none.
func (f Fault) way() Direction {
	t, _ := f.Kind.takes()
	if f.Direction == "" && len(t.ways) > 0 {
		return t.ways[0]
	}
	return f.Direction
}
