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

// Kind names a fault by what the link's client sees of it.
type Kind string

// The kinds of fault.
const (
	// KindCut: open connections end at once, new ones are refused at once.
	KindCut Kind = "cut"
	// KindSlow: each answer is late by Delay, give or take Jitter. Connections live.
	KindSlow Kind = "slow"
	// KindHang: connecting works, then nothing comes and nothing arrives. What was
	// sent meanwhile is lost; the connections end when the link heals.
	KindHang Kind = "hang"
	// KindLoseReplies: as a hang, but requests do arrive and are obeyed. Only the
	// answers are lost.
	KindLoseReplies Kind = "lose-replies"
)

// Fault is one fault on a set of links.
type Fault struct {
	Kind Kind `json:"kind"`
	// Links are link names or patterns, as topology.Map.Select takes them.
	Links []string `json:"links"`
	// Delay is what one round trip of a slow link costs on top; whole milliseconds.
	Delay Duration `json:"delay,omitempty"`
	// Jitter spreads each delay evenly over Delay-Jitter to Delay+Jitter.
	Jitter Duration `json:"jitter,omitempty"`
}

// MaxDelay bounds Delay+Jitter. Apply waits for one slow answer before it
// believes in the fault, and whoever means "for ever" means a hang.
const MaxDelay = 30 * time.Second

// Cut refuses: what a dead host's kernel or a firewall's reject does.
func Cut(links ...string) Fault { return Fault{Kind: KindCut, Links: links} }

// Slow delays every answer by delay, give or take jitter. Requests pass at full
// speed, so that a round trip costs the delay once.
func Slow(delay, jitter time.Duration, links ...string) Fault {
	return Fault{Kind: KindSlow, Links: links, Delay: Duration(delay), Jitter: Duration(jitter)}
}

// Hang swallows both directions: a cable pulled, a firewall's drop.
func Hang(links ...string) Fault { return Fault{Kind: KindHang, Links: links} }

// LoseReplies swallows answers only: the commit that took place and was never
// confirmed.
func LoseReplies(links ...string) Fault { return Fault{Kind: KindLoseReplies, Links: links} }

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

func (f Fault) validKind() error {
	switch f.Kind {
	case KindSlow:
		return f.validDelay()
	case KindCut, KindHang, KindLoseReplies:
		if f.Delay != 0 || f.Jitter != 0 {
			return errors.New("only slow takes a delay and a jitter")
		}
		return nil
	}
	return fmt.Errorf("unknown kind; there are %s, %s, %s and %s", KindCut, KindSlow, KindHang, KindLoseReplies)
}

func (f Fault) validDelay() error {
	delay, jitter := time.Duration(f.Delay), time.Duration(f.Jitter)
	switch {
	case delay < time.Millisecond || delay%time.Millisecond != 0 || jitter%time.Millisecond != 0:
		return fmt.Errorf("delay %s, jitter %s: want whole milliseconds and a delay of at least one", delay, jitter)
	case jitter < 0 || jitter > delay:
		return fmt.Errorf("jitter %s must lie between 0 and the delay of %s: an answer cannot come before its request", jitter, delay)
	case delay+jitter > MaxDelay:
		return fmt.Errorf("delay %s, jitter %s: together more than %s", delay, jitter, MaxDelay)
	}
	return nil
}

// String is the fault as people say it: "slow 3s±1s on postgres".
func (f Fault) String() string {
	return f.state().String() + " on " + strings.Join(f.Links, ", ")
}

// state is what each of the fault's links is to be in.
func (f Fault) state() state {
	return state{kind: f.Kind, delay: time.Duration(f.Delay), jitter: time.Duration(f.Jitter)}
}
