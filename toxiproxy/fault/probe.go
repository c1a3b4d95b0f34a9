package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"eventflow/toxiproxy/topology"
)

// SymptomKind is what a client feels that makes one request on a new connection.
type SymptomKind string

// The symptoms.
const (
	Answered SymptomKind = "answered" // the protocol's own answer came
	Refused  SymptomKind = "refused"  // nobody listens
	Silent   SymptomKind = "silent"   // connected, and no byte within the patience
	EOF      SymptomKind = "eof"      // connected, and closed or reset before an answer
	Garbled  SymptomKind = "garbled"  // something answers that does not speak the protocol
	// Obeyed is Silent with proof that the upstream got the request: asked to say
	// farewell it closed the connection, and the farewell itself never came.
	Obeyed SymptomKind = "obeyed"
)

// Symptom is the result of one probe.
type Symptom struct {
	Kind   SymptomKind `json:"kind"`
	RTT    Duration    `json:"rtt"`              // from the request's first byte to the symptom
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
	case EOF:
		return fmt.Sprintf("eof after %s", s.rtt())
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
	c, ok := i.conversation(l)
	if !ok {
		return Symptom{Kind: Garbled, Detail: fmt.Sprintf("no probe for what %s speaks", l.To)}
	}
	return ask(ctx, i.addr(l), c.ask, c.understands, patience)
}

// probeObeyed tells a lost answer from a lost request. Both are silent, but an
// upstream that was asked to hang up, and did, has been reached.
func (i *Injector) probeObeyed(ctx context.Context, l topology.Link, patience time.Duration) Symptom {
	first := i.probe(ctx, l, patience)
	if first.Kind != Silent {
		return first
	}
	c, _ := i.conversation(l)
	last := ask(ctx, i.addr(l), c.farewell, c.understands, patience)
	if last.Kind == EOF {
		last.Kind = Obeyed
	}
	return last
}

// ask sends one request on a new connection and waits for the answer.
func ask(ctx context.Context, addr string, request []byte, understands func([]byte) bool, patience time.Duration) Symptom {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	start := time.Now()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return failed(err, start)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // fails only on a closed one
	defer stop()
	start = time.Now()
	if _, err := conn.Write(request); err != nil {
		return failed(err, start)
	}
	return hear(conn, understands, start)
}

// hear reads until the answer can be judged: TCP may deliver it in pieces.
func hear(conn net.Conn, understands func([]byte) bool, start time.Time) Symptom {
	buf, n := make([]byte, 512), 0
	for {
		m, err := conn.Read(buf[n:])
		n += m
		switch {
		case understands(buf[:n]):
			return Symptom{Kind: Answered, RTT: Duration(time.Since(start))}
		case n >= 16, n > 0 && err != nil:
			return Symptom{Kind: Garbled, RTT: Duration(time.Since(start)), Detail: fmt.Sprintf("%.40q", buf[:n])}
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
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return EOF
	case errors.Is(err, context.Canceled), errors.As(err, &timeout) && timeout.Timeout():
		return Silent
	}
	return Refused // no route, no such host: nothing was reached
}
