package invariant_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// remake is the journal of a drill of postgres-cut that passed. Given, the
// journals in testdata are made anew from it:
//
//	go test ./scenarios/invariant -run TestRegressions -args -remake FILE
var remake = flag.String("remake", "", "journal of a passed postgres-cut drill to make testdata from")

// regressions are journals of real drills, made small, and each but the first
// changed into what some bug would leave. What they showed when they were kept,
// they must show for ever.
var regressions = []struct {
	file    string
	verdict invariant.Verdict
	flips   []string
	change  func(*history.History)
}{
	{"healthy", invariant.Pass, nil, func(*history.History) {}},
	{"lost-purchase", invariant.Broken, []string{invariant.NoLoss}, func(h *history.History) { remove(h, acceptedUnderFault(h).Transaction) }},
	{"double-sale", invariant.Broken, []string{invariant.NoDoubleSale, invariant.LockMutex}, sellTwice},
	{"phantom", invariant.Broken, []string{invariant.NoPhantom}, func(h *history.History) {
		o := acceptedUnderFault(h)
		id := o.Transaction
		h.Ops = slices.DeleteFunc(h.Ops, func(x history.Op) bool { return x.Kind == history.Status && x.Transaction == id })
		o = find(h, func(x history.Op) bool { return x.Kind == history.Purchase && x.Transaction == id })
		o.Outcome, o.Code, o.Claim, o.Problem = history.Refused, 503, "none", "queue_unavailable"
	}},
	{"answered-healed", invariant.Pass, nil, func(h *history.History) { lastRead(h).Source = "database" }},
	{"answered-too-early", invariant.Broken, []string{invariant.Availability}, func(h *history.History) {
		o := lastRead(h)
		o.Source, o.Return = "database", h.Faults[0].HealAt-time.Millisecond
	}},
	{"hold-without-end", invariant.Broken, []string{invariant.LockLinear}, func(h *history.History) {
		o := find(h, func(o history.Op) bool {
			return o.Kind == history.Release && o.Outcome == history.OK && len(o.Seats) == 1
		})
		insert(h, o.Return+time.Second, ms, history.Op{Kind: history.Lock, Outcome: history.Refused, Code: 409, Problem: "seat_taken", Claim: "none", Seats: o.Seats})
		h.Ops[slices.IndexFunc(h.Ops, func(o history.Op) bool { return o.Event == sale })].Event = h.Meta.Event
	}},
	{"stalled-machine", invariant.Invalid, []string{invariant.NoHang}, func(h *history.History) {
		o := acceptedUnderFault(h)
		o.Return, o.Process = o.Call+4*time.Second, 1<<30 // a process of its own: the next op of the buyer's did not wait
		i := slices.IndexFunc(h.Samples, func(s history.Sample) bool { return s.At > o.Call })
		h.Samples[i].Values[invariant.LabLate] = 3700
	}},
	{"cut-journal", invariant.Invalid, []string{invariant.Sound}, func(h *history.History) { h.Complete = false }},
}

func TestRegressions(t *testing.T) {
	for _, r := range regressions {
		t.Run(r.file, func(t *testing.T) {
			path := filepath.Join("testdata", r.file+".jsonl.gz")
			if *remake != "" {
				h := small(t, *remake)
				r.change(&h)
				keep(t, path, h)
			}
			h, size := reopen(t, path)
			require.Less(t, size, int64(60<<10))
			got := invariant.Judge(h)
			require.Equal(t, r.verdict, got.Verdict, "%v", got.Failed())
			require.Equal(t, r.flips, flipped(got), "%v", got.Failed())
		})
	}
}

func reopen(t *testing.T, path string) (history.History, int64) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	h, err := history.Read(z)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	return h, info.Size()
}

func keep(t *testing.T, path string, h history.History) {
	var raw, packed bytes.Buffer
	require.NoError(t, history.Write(&raw, h))
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	require.NoError(t, err)
	text := raw.Bytes()
	if !h.Complete { // as if the power had failed
		text = text[:2*len(text)/3]
	}
	_, err = io.Copy(z, bytes.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, os.WriteFile(path, packed.Bytes(), 0o644))
}

// small is the drill at path with a few of its locks and all that followed from
// them, some reads, and a spec to match.
func small(t *testing.T, path string) history.History {
	h, err := history.ReadFile(path)
	require.NoError(t, err)
	h.Meta.Plan, h.Meta.Config, h.Meta.Versions, h.Notes = nil, nil, nil, nil
	some := someLocks(h)
	reads := map[string]int{}
	h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool {
		switch o.Kind {
		case history.Lock, history.Extend, history.Release, history.Purchase, history.Status:
			return !some[o.LockID]
		case history.Seats:
			phase := h.PhaseOf(o)
			reads[phase]++
			return reads[phase] > 60
		}
		return true
	})
	for i := range h.Ops {
		h.Ops[i].Upstream = ""
	}
	for i, s := range h.Samples {
		h.Samples[i].Values = map[string]float64{"queue_ready": s.Values["queue_ready"], invariant.LabLate: 5}
	}
	shrinkLedger(&h)
	h.Meta.Spec = smallSpec(t)
	o := lastRead(&h) // asked before the heal, answered after it
	o.Call = h.Faults[0].HealAt - 5*ms
	o.Intended, o.Return = o.Call, h.Faults[0].HealAt+20*ms
	h.Ops = slices.DeleteFunc(h.Ops, func(x history.Op) bool { return x.Process == o.Process && x.ID != o.ID })
	return renumber(h)
}

// someLocks is every eighth lock, whatever became of it.
func someLocks(h history.History) map[string]bool {
	some, n := map[string]bool{}, 0
	for _, o := range h.Ops {
		if o.Kind == history.Lock && o.LockID != "" {
			if n++; n%8 == 0 || n == 1 {
				some[o.LockID] = true
			}
		}
	}
	return some
}

func shrinkLedger(h *history.History) {
	bought := map[string]bool{}
	for _, o := range h.Ops {
		if o.Kind == history.Purchase {
			bought[o.Transaction] = true
		}
	}
	l := history.Ledger{At: h.Ledger.At, Effects: map[string]int{}}
	for _, p := range h.Ledger.Purchases {
		if bought[p.Transaction] {
			l.Purchases = append(l.Purchases, p)
			l.Effects[p.Transaction] = h.Ledger.Effects[p.Transaction]
		}
	}
	for _, s := range h.Ledger.Sold {
		if bought[s.Transaction] {
			l.Sold = append(l.Sold, s)
		}
	}
	h.Ledger = &l
}

func smallSpec(t *testing.T) []byte {
	raw, err := json.Marshal(invariant.Spec{
		Bounds: []invariant.Bound{{Name: "warm reads", Phase: "cut", Kind: history.Seats, Want: invariant.Match{Source: []string{"cache"}},
			Limit: invariant.AtLeast, Ratio: 0.999, MinOps: 30}},
		NoHang: map[history.Kind]invariant.Duration{history.Purchase: invariant.Duration(2500 * ms)},
		Witnesses: []invariant.Witness{
			{Name: "faults felt", Measure: invariant.CountFaults, Phase: "cut", Min: 1},
			{Name: "purchases accepted while the link was cut", Measure: invariant.CountOps, Phase: "cut", Kind: history.Purchase, Match: invariant.Match{Code: []int{202}}, Min: 5},
		},
	})
	require.NoError(t, err)
	return raw
}

func acceptedUnderFault(h *history.History) *history.Op {
	return find(h, func(o history.Op) bool {
		return o.Kind == history.Purchase && o.Outcome == history.OK && h.UnderFault(o.Call) && h.UnderFault(o.Return+5*time.Second)
	})
}

// lastRead is the last seat map that was asked for under the fault.
func lastRead(h *history.History) (last *history.Op) {
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Kind == history.Seats && h.UnderFault(o.Call) {
			last = o
		}
	}
	return last
}

func remove(h *history.History, id string) {
	l := h.Ledger
	l.Purchases = slices.DeleteFunc(l.Purchases, func(r history.PurchaseRow) bool { return r.Transaction == id })
	l.Sold = slices.DeleteFunc(l.Sold, func(s history.SoldSeat) bool { return s.Transaction == id })
	delete(l.Effects, id)
	h.Ops = slices.DeleteFunc(h.Ops, func(o history.Op) bool { return o.Kind == history.Status && o.Transaction == id })
}

// sellTwice gives one purchase's seats to another as well, which locked and bought
// them later.
func sellTwice(h *history.History) {
	rows := h.Ledger.Purchases
	a, b := rows[1], &rows[len(rows)-1]
	for i := range h.Ops {
		if h.Ops[i].Transaction == b.Transaction {
			h.Ops[i].Seats = a.Seats
		}
	}
	b.Seats = a.Seats
	h.Ledger.Sold = slices.DeleteFunc(h.Ledger.Sold, func(s history.SoldSeat) bool { return s.Transaction == b.Transaction })
}
