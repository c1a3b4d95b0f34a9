package fault

import (
	"context"
	"fmt"
	"net"
	"time"

	"eventflow/toxiproxy/fault/wire"
	"eventflow/toxiproxy/topology"
)

// probeFor is the probe that can tell this fault from its neighbours.
func (i *Injector) probeFor(ctx context.Context, f Fault, l topology.Link) Symptom {
	switch f.Kind {
	case KindSlow, KindLate:
		return i.probe(ctx, l, time.Duration(f.Delay+f.Jitter)+i.patience)
	case KindLoseReplies, KindLoseRequests:
		return i.probeObeyed(ctx, l, i.patience)
	case KindTrickle:
		return i.probeWhole(ctx, l, i.trickleTime(f, l, longestAnswer)+i.patience)
	case KindTruncate:
		return i.probeWhole(ctx, l, i.patience)
	case KindFlap:
		return i.probeFlap(ctx, l, time.Duration(f.Period)+i.patience)
	}
	return i.probe(ctx, l, i.patience)
}

// longestAnswer is more than any probe is answered, in bytes.
const longestAnswer = 3000

// trickleTime is the least time that a probe with an answer of so many bytes takes
// through a trickle.
func (i *Injector) trickleTime(f Fault, l topology.Link, answer int) time.Duration {
	bytes := 0
	if f.way().has(Up) {
		bytes += len(i.talk(l).Long.Request)
	}
	if f.way().has(Down) {
		bytes += answer
	}
	return time.Duration(bytes) * time.Millisecond / time.Duration(f.Rate)
}

// doubt says why the symptom is not the fault's, "" if it is.
func (i *Injector) doubt(f Fault, l topology.Link, s Symptom) string {
	least := time.Duration(f.Delay - f.Jitter)
	if f.Kind == KindTrickle {
		least = i.trickleTime(f, l, s.Bytes)
	}
	if s.Kind == EOF && f.Kind == KindReset && i.forwarded(l) {
		return "" // the read-back has shown that it resets
	}
	ok, want := f.fits(s, least, len(i.talk(l).Long.Request))
	switch {
	case want == "":
		return fmt.Sprintf("no symptom is known for %q", f.Kind)
	case ok:
		return ""
	case s.Kind == EOF || s.Kind == WasReset:
		return fmt.Sprintf("wanted %s, felt %s: the link is there and its upstream does not take connections", want, s.Kind)
	}
	return fmt.Sprintf("wanted %s, felt %s", want, s)
}

// talk is empty for a protocol that there is not.
func (i *Injector) talk(l topology.Link) wire.Talk {
	s, _ := i.links.Service(l.To)
	talk, _ := wire.Of(s.Protocol)
	return talk
}

// forwarded says whether a forwarder may stand between here and the link's proxy: a
// container's published port, whose mapping makes a plain end of what the proxy
// resets. Then the proxy listens elsewhere than the probes call, or on every address
// that its host has.
func (i *Injector) forwarded(l topology.Link) bool {
	i.mu.Lock()
	listen := i.known[l.Name()].Listen
	i.mu.Unlock()
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified() || port(listen) != port(i.addr(l))
}

// fits says whether the symptom is the fault's, and what would be. A slow answer
// takes the least time or more, and said is how long a long request was, in bytes.
func (f Fault) fits(s Symptom, least time.Duration, said int) (ok bool, want string) {
	ended := s.Kind == EOF || s.Kind == WasReset
	switch f.Kind {
	case KindCut:
		// Behind a container's published port the mapping accepts for the closed
		// proxy and hangs up: eof. The read-back has shown that it is closed.
		return s.Kind == Refused || ended, "refused"
	case KindHang, KindHold, KindLoseRequests:
		return s.Kind == Silent, "silence"
	case KindLoseReplies:
		return s.Kind == Obeyed, "a request that arrives and is never answered"
	case KindSlow, KindLate, KindTrickle:
		return s.Kind == Answered && time.Duration(s.RTT) >= least, fmt.Sprintf("an answer after at least %s", least)
	case KindReset:
		return s.Kind == WasReset, "a reset"
	case KindTruncate:
		return f.truncates(s, said), fmt.Sprintf("an answer that breaks off after %d bytes", f.Bytes)
	case KindFlap:
		return s.Kind == Flapping, "refused and answered by turns"
	}
	return false, ""
}

// truncates: a probe's talk may be shorter than what the link lets through, and then
// the read-back alone speaks for the fault. A request that is cut short ends the
// connection before an answer.
func (f Fault) truncates(s Symptom, said int) bool {
	whole := s.Kind == Answered
	if f.way() == Up {
		return whole && int64(said) < f.Bytes || s.Kind == EOF || s.Kind == WasReset || s.Kind == Broken
	}
	return whole && int64(s.Bytes) <= f.Bytes || s.Kind == Broken && int64(s.Bytes) == f.Bytes
}
