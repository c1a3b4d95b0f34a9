package invariant_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// sabotages are the ways in which the lab itself can fail to test anything. None of
// them may pass, and none may be blamed on EventFlow.
var sabotages = []struct {
	name   string
	change func(*rapid.T, *history.History)
}{
	{"the fault was never put in force", func(t *rapid.T, h *history.History) {
		f := &h.Faults[0]
		rapid.SampledFrom([]func(){
			func() { f.Bit, f.Symptom = false, "answered in 2 ms" }, func() { f.ReadBack = "" },
			func() { f.Error = "proxy server: connection refused" }, func() { f.InForce = f.Start; f.ReadBack = "" },
		}).Draw(t, "how")()
	}},
	{"a program bypasses its proxy", func(t *rapid.T, h *history.History) {
		h.Ledger.Peers = append(h.Ledger.Peers, history.Peer{Store: rapid.SampledFrom([]string{"postgres", "redis", "rabbitmq"}).Draw(t, "store"), Client: "app-2", Addr: "127.0.0.1:1"})
	}},
	{"no load", func(_ *rapid.T, h *history.History) { h.Ops = nil }},
	{"hardly any load", func(t *rapid.T, h *history.History) {
		h.Ops = h.Select(func(o history.Op) bool { return o.Kind == history.Seats })
		h.Ops = h.Ops[:rapid.IntRange(1, 8).Draw(t, "ops")]
		h.Ledger = &history.Ledger{At: h.Ledger.At}
		h.Updates = nil
	}},
	{"nobody waited for the drain", func(_ *rapid.T, h *history.History) {
		forget(h, "lock-c")
		h.Ledger.Ready, h.Ledger.At = 1, h.End()
		h.Ledger.At = lastReturn(h) + 300*time.Millisecond
	}},
	{"the ledger was read before the heal", func(t *rapid.T, h *history.History) {
		forget(h, "lock-c")
		h.Ledger.At = time.Duration(rapid.IntRange(1, 20).Draw(t, "s")) * time.Second
	}},
	{"the ledger's dump is cut off", func(t *rapid.T, h *history.History) {
		n := len(h.Ledger.Purchases)
		h.Ledger.Rows, h.Ledger.Purchases = n, h.Ledger.Purchases[:rapid.IntRange(0, n-1).Draw(t, "rows")]
	}},
	{"answers are missing", func(t *rapid.T, h *history.History) {
		for range rapid.IntRange(1, 5).Draw(t, "ops") {
			o := &h.Ops[rapid.IntRange(0, len(h.Ops)-1).Draw(t, "op")]
			o.Outcome, o.Return, o.Code = "", 0, 0
		}
	}},
	{"the consumer was dead all the time", func(_ *rapid.T, h *history.History) {
		h.Ledger.Ready = len(h.Ledger.Purchases)
		h.Ledger.Purchases, h.Ledger.Sold, h.Ledger.Effects = nil, nil, nil
		h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Status })
	}},
	{"two buyers share a process", func(t *rapid.T, h *history.History) {
		o := &h.Ops[rapid.IntRange(0, len(h.Ops)-2).Draw(t, "op")]
		o.Return = o.Call + 400*time.Millisecond
		insert(h, o.Call+time.Millisecond, time.Millisecond, history.Op{Kind: history.Login, Outcome: history.OK, Code: 200})
		find(h, func(x history.Op) bool { return x.Kind == history.Login }).Process = h.Ops[slices.IndexFunc(h.Ops, func(x history.Op) bool {
			return x.Kind == history.Login
		})-1].Process
		prev := &h.Ops[slices.IndexFunc(h.Ops, func(x history.Op) bool { return x.Kind == history.Login })-1]
		prev.Return = prev.Call + 400*time.Millisecond
	}},
	{"the clock jumps back", func(t *rapid.T, h *history.History) {
		i := rapid.IntRange(len(h.Ops)/2, len(h.Ops)-1).Draw(t, "op")
		for ; i < len(h.Ops); i++ {
			o := &h.Ops[i]
			o.Call, o.Intended, o.Return = o.Call-15*time.Second, o.Intended-15*time.Second, o.Return-15*time.Second
		}
	}},
	{"the journal is cut off", func(t *rapid.T, h *history.History) {
		var b bytes.Buffer
		require.NoError(t, history.Write(&b, *h))
		cut, err := history.Read(bytes.NewReader(b.Bytes()[:rapid.IntRange(0, b.Len()-1).Draw(t, "byte")]))
		require.NoError(t, err)
		*h = cut
	}},
}

func lastReturn(h *history.History) (last time.Duration) {
	for _, o := range h.Ops {
		last = max(last, o.Return)
	}
	return last
}

func TestASabotagedLabProvesNothing(t *testing.T) {
	for _, s := range sabotages {
		t.Run(s.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				h := drawGreen(t)
				s.change(t, &h)
				r := invariant.Judge(h)
				require.Equal(t, invariant.Invalid, r.Verdict, "%v", r.Failed())
			})
		})
	}
}
