package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"eventflow/toxiproxy/fault/wire"
	"eventflow/toxiproxy/topology"
)

// SymptomKind is what a client feels that makes one request on a new connection.
type SymptomKind string

// The symptoms.
const (
	Answered SymptomKind = "answered" // the protocol's own answer came
	Refused  SymptomKind = "refused"  // nobody listens
	Silent   SymptomKind = "silent"   // connected, and no byte within the patience
	EOF      SymptomKind = "eof"      // connected, and closed before an answer
	WasReset SymptomKind = "reset"    // connected, and reset before an answer
	Garbled  SymptomKind = "garbled"  // something answers that does not speak the protocol
	// Obeyed is Silent with proof that the upstream got the request: asked to say
	// farewell it closed the connection, and the farewell itself never came.
	Obeyed SymptomKind = "obeyed"
	// Broken is the beginning of an answer and then the connection's end.
	Broken SymptomKind = "broken"
	// Flapping is Refused and Answered by turns.
	Flapping SymptomKind = "flapping"
)

// Symptom is the result of one probe.
type Symptom struct {
	Kind   SymptomKind `json:"kind"`
	RTT    Duration    `json:"rtt"`              // from the request's first byte to the symptom
	Bytes  int         `json:"bytes,omitempty"`  // of an answer that was wanted whole
	Detail string      `json:"detail,omitempty"` // the system's words, if it said any
}

// String is the symptom as people say it: "answered in 3.01s".
func (s Symptom) String() string {
	switch s.Kind {
	case Answered:
		return fmt.Sprintf("answered in %s", s.rtt())
	case Silent:
		return fmt.Sprintf("silent for %s", s.rtt())
	case Obeyed:
		return fmt.Sprintf("obeyed and the reply lost, in %s", s.rtt())
	case EOF, WasReset:
		return fmt.Sprintf("%s after %s", s.Kind, s.rtt())
	case Broken:
		return fmt.Sprintf("an answer that broke off after %d bytes", s.Bytes)
	case Flapping:
		return "refused and answered by turns"
	}
	if s.Detail != "" {
		return fmt.Sprintf("%s: %s", s.Kind, s.Detail)
	}
	return string(s.Kind)
}

// rtt is as precise as a reader needs.
func (s Symptom) rtt() time.Duration {
	d := time.Duration(s.RTT)
	if d >= time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}

// Probe makes one protocol round trip through the link on a connection of its
// own and says what became of it. It waits for the injector's patience.
func (i *Injector) Probe(ctx context.Context, l topology.Link) Symptom {
	return i.probe(ctx, l, i.patience)
}

func (i *Injector) probe(ctx context.Context, l topology.Link, patience time.Duration) Symptom {
	return i.ask(ctx, l, patience, func(t wire.Talk) request { return request{t.Hello.Request, t.Hello.Understands, nil} })
}

// probeWhole makes a long request and reads the whole of a long answer.
func (i *Injector) probeWhole(ctx context.Context, l topology.Link, patience time.Duration) Symptom {
	return i.ask(ctx, l, patience, func(t wire.Talk) request {
		return request{t.Long.Request, t.Long.Understands, t.Long.Complete}
	})
}

// probeFlap watches until the link was refused once and answered once.
func (i *Injector) probeFlap(ctx context.Context, l topology.Link, patience time.Duration) Symptom {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seen := map[SymptomKind]bool{}
	for start := time.Now(); ; {
		last := i.probe(ctx, l, i.patience)
		seen[last.Kind] = true
		if seen[Answered] && (seen[Refused] || seen[EOF] || seen[WasReset]) {
			return Symptom{Kind: Flapping, RTT: Duration(time.Since(start))}
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(probeEvery):
		}
	}
}

// probeObeyed tells a lost answer from a lost request. Both are silent, but an
// upstream that was asked to hang up, and did, has been reached.
func (i *Injector) probeObeyed(ctx context.Context, l topology.Link, patience time.Duration) Symptom {
	first := i.probe(ctx, l, patience)
	if first.Kind != Silent {
		return first
	}
	last := i.ask(ctx, l, patience, func(t wire.Talk) request { return request{t.Farewell, t.Hello.Understands, nil} })
	if last.Kind == EOF || last.Kind == WasReset {
		last.Kind = Obeyed
	}
	return last
}

// request is what to say and how to tell the answer.
type request struct {
	bytes       []byte
	understands func([]byte) bool
	complete    func([]byte) bool // nil: to understand is enough
}

// ask sends one request on a new connection through the link and waits for the
// answer.
func (i *Injector) ask(ctx context.Context, l topology.Link, patience time.Duration, pick func(wire.Talk) request) Symptom {
	s, _ := i.links.Service(l.To)
	talk, ok := wire.Of(s.Protocol)
	if !ok {
		return Symptom{Kind: Garbled, Detail: fmt.Sprintf("no probe for what %s speaks", l.To)}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	start := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", i.addr(l))
	if err != nil {
		return failed(err, start)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // fails only on a closed one
	defer stop()
	start = time.Now()
	r := pick(talk)
	if _, err := conn.Write(r.bytes); err != nil {
		return failed(err, start)
	}
	return r.hear(conn, start)
}

// hear reads until the answer can be judged: TCP may deliver it in pieces.
func (r request) hear(conn net.Conn, start time.Time) Symptom {
	buf, n := make([]byte, 8<<10), 0
	for {
		m, err := conn.Read(buf[n:])
		n += m
		understood := r.understands(buf[:n])
		rtt := Duration(time.Since(start))
		switch {
		case understood && (r.complete == nil || r.complete(buf[:n]) || n == len(buf)):
			return Symptom{Kind: Answered, RTT: rtt, Bytes: n}
		case understood && err != nil && kindOf(err) != Silent:
			return Symptom{Kind: Broken, RTT: rtt, Bytes: n}
		case !understood && n >= 16, !understood && n > 0 && err != nil && r.complete == nil:
			return Symptom{Kind: Garbled, RTT: rtt, Detail: fmt.Sprintf("%.40q", buf[:n])}
		case err != nil && n > 0 && kindOf(err) != Silent:
			return Symptom{Kind: Broken, RTT: rtt, Bytes: n}
		case err != nil:
			return failed(err, start)
		}
	}
}

func failed(err error, start time.Time) Symptom {
	s := Symptom{Kind: kindOf(err), RTT: Duration(time.Since(start))}
	if !errors.Is(err, syscall.ECONNREFUSED) { // all has been said
		s.Detail = err.Error()
	}
	return s
}

func kindOf(err error) SymptomKind {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return WasReset
	case errors.Is(err, io.EOF):
		return EOF
	case errors.Is(err, context.Canceled), errors.As(err, &timeout) && timeout.Timeout():
		return Silent
	}
	return Refused // no route, no such host: nothing was reached
}
