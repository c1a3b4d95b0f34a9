package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"eventflow/scenarios/history"
)

// Recorder takes ops down: *history.Recorder, or a test's. It is safe for
// concurrent use, and Invoke does not return before the op is in the history: an
// op that the shop knows and the history does not would look like a phantom.
type Recorder interface {
	// Now is the offset from the history's base.
	Now() time.Duration
	// Invoke notes that the op is about to be sent, and answers its ID.
	Invoke(history.Op) int64
	// Return notes what came of the op of that ID.
	Return(history.Op)
	// Hall notes the order of the hall's seats, for Op.Free.
	Hall(seats []string)
}

// Shop is a shop as its buyers see it: an address, a pool of connections, and
// the numbers of the people in it.
type Shop struct {
	base      string
	transport *http.Transport
	fresh     *http.Transport // keeps no connection: every op opens its own
	recorder  Recorder
	processes atomic.Int64
	tally     tally
}

// Open makes the shop at baseURL ("http://127.0.0.1:8888") ready for buyers. It
// does not connect yet.
func Open(baseURL string, recorder Recorder) *Shop {
	s := &Shop{base: strings.TrimRight(baseURL, "/"), transport: newTransport(4096), fresh: newTransport(0), recorder: recorder}
	s.fresh.DisableKeepAlives = true
	// Several shops may write one history, and no two of their processes may
	// share a number. So each counts from the microsecond in which it opened:
	// nobody starts more than one process per microsecond.
	s.processes.Store(recorder.Now().Microseconds())
	return s
}

// Close drops the kept connections.
func (s *Shop) Close() { s.transport.CloseIdleConnections() }

// person is one buyer with a logical process: one op open at a time.
type person struct {
	shop      *Shop
	transport http.RoundTripper
	base      string // whom to ask for events, seats and purchases
	buyer     int
	process   int
	timeout   time.Duration
	token     string
	told      problem // the last error answer
}

// person lets somebody in. buyer is the number of the intent served, 0 for
// nobody's: readers, probers, journeys.
func (s *Shop) person(buyer int, timeout time.Duration) *person {
	return &person{shop: s, transport: s.transport, base: s.base, buyer: buyer, process: s.nextProcess(), timeout: timeout}
}

func (s *Shop) nextProcess() int { return int(s.processes.Add(1)) }

// do records and sends one op. read takes what it needs from a good answer, and
// may find that it can not be read.
func (p *person) do(ctx context.Context, op history.Op, r request, read func(*history.Op, *answer)) history.Op {
	op.Process, op.Buyer = p.process, p.buyer
	op.Call = p.shop.recorder.Now()
	if op.Intended == 0 || op.Intended > op.Call {
		op.Intended = op.Call
	}
	op.ID = p.shop.recorder.Invoke(op)
	a := send(ctx, p.transport, p.timeout, r)
	op.Return = p.shop.recorder.Now()
	a.note(&op)
	p.told = a.problem()
	if a.status >= 200 && a.status <= 299 {
		read(&op, &a)
	}
	op.Outcome = history.Classify(op.Kind, a.status, op.Claim, op.Problem, a.sent, a.err)
	if a.err != nil {
		op.Error = strings.TrimPrefix(op.Error+"; "+a.err.Error(), "; ")
	}
	if op.Outcome == history.Unknown {
		// The op may still be at work: whoever goes on is somebody else.
		p.process = p.shop.nextProcess()
	}
	p.shop.recorder.Return(op)
	p.shop.tally.op(op)
	return op
}

// note copies what every answer tells.
func (a answer) note(op *history.Op) {
	op.Code = a.status
	if a.header == nil {
		return
	}
	op.Claim = a.header.Get("X-Outcome")
	op.Node = a.header.Get("X-EventFlow-Node")
	op.Upstream = a.header.Get("X-Upstream")
	op.Source = source(a.header.Get("Cache-Status"))
	if age, err := strconv.Atoi(a.header.Get("Age")); err == nil {
		op.Age = time.Duration(age) * time.Second
	}
	if a.status >= 400 {
		op.Problem = a.problem().Code
	}
}

// source reads RFC 9211: "eventflow; hit; detail=stale", "eventflow; fwd=miss".
func source(cacheStatus string) string {
	for _, part := range strings.Split(cacheStatus, ";") {
		switch part = strings.TrimSpace(part); {
		case part == "hit":
			return "cache"
		case strings.HasPrefix(part, "fwd"):
			return "database"
		}
	}
	return ""
}

// contradiction notes that the shop's answer breaks its own contract. The
// outcome stays what the shop said, under the id that the contract gives: a
// judge then misses what was promised.
func contradiction(op *history.Op, format string, args ...any) {
	text := "answer breaks the contract: " + fmt.Sprintf(format, args...)
	op.Error = strings.TrimPrefix(op.Error+"; "+text, "; ")
}

// errMissing is a good answer without what it has to carry.
var errMissing = errors.New("unreadable answer: a field is missing")
