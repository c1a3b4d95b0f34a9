package history_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"eventflow/scenarios/history"
)

// drawHistory draws a history that Write can keep: ops in order of id, some open.
func drawHistory(t *rapid.T) history.History {
	ms := func(name string) time.Duration {
		return time.Duration(rapid.IntRange(1, 1e6).Draw(t, name)) * time.Microsecond
	}
	h := history.History{
		Meta: history.Meta{
			Format: history.FormatVersion, Scenario: rapid.String().Draw(t, "scenario"), Seed: rapid.Uint64().Draw(t, "seed"),
			Base: time.Unix(int64(rapid.IntRange(0, 1e9).Draw(t, "base")), 0).UTC(),
			Spec: json.RawMessage(`{"bounds":[1,2]}`), Event: 7,
		},
		Complete: true,
	}
	outcomes := rapid.SampledFrom([]history.Outcome{history.OK, history.Refused, history.Unknown, ""})
	for i := range rapid.IntRange(0, 8).Draw(t, "ops") {
		o := history.Op{ID: int64(i + 1), Process: i, Kind: history.Lock, Intended: ms("intended"), Call: ms("call")}
		o.Error = rapid.StringMatching(`[ -~é\n"]{0,9}`).Draw(t, "error")
		if o.Outcome = outcomes.Draw(t, "outcome"); o.Outcome != "" {
			o.Return, o.Seats = ms("return"), []string{"A-1"}
		}
		h.Ops = append(h.Ops, o)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "others") {
		h.Phases = append(h.Phases, history.Phase{Name: "p", Start: time.Duration(i), End: ms("end")})
		h.Faults = append(h.Faults, history.Fault{Index: i + 1, Name: "cut", Links: []string{"a"}, Start: ms("start")})
		h.Samples = append(h.Samples, history.Sample{At: ms("at"), Values: map[string]float64{"queue_ready": float64(i)}})
		h.Notes = append(h.Notes, fmt.Sprint("note ", i))
	}
	if rapid.Bool().Draw(t, "ledger") {
		h.Ledger = &history.Ledger{At: ms("at"), Effects: map[string]int{"x": 1}, Ready: 2,
			Purchases: []history.PurchaseRow{{Transaction: "x", Seats: []string{"A-1"}, Status: "CONFIRMED"}}}
	}
	return h
}

func journal(t require.TestingT, h history.History) []byte {
	var b bytes.Buffer
	require.NoError(t, history.Write(&b, h))
	return b.Bytes()
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		got, err := history.Read(bytes.NewReader(journal(t, h)))
		require.NoError(t, err)
		require.Equal(t, h, got)
	})
}

func TestAJournalCutAtAnyByteIsAnIncompleteHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := journal(t, drawHistory(t))
		cut := rapid.IntRange(0, len(whole)-1).Draw(t, "cut")
		requireCut(t, whole, cut)
	})
}

func TestAJournalCutAtEveryByteIsAnIncompleteHistory(t *testing.T) {
	whole := journal(t, rapid.Custom(drawHistory).Example(3))
	for cut := range whole {
		requireCut(t, whole, cut)
	}
}

func requireCut(t require.TestingT, whole []byte, cut int) {
	h, err := history.Read(bytes.NewReader(whole[:cut]))
	require.NoError(t, err)
	require.False(t, h.Complete, "cut at byte %d", cut)
	require.Equal(t, cut > 0 && whole[cut-1] != '\n', h.Truncated, "cut at byte %d", cut)
	for _, o := range h.Ops {
		if o.Open() {
			require.Equal(t, history.Unknown, o.Known())
		}
	}
}

func TestADamagedLineIsNamed(t *testing.T) {
	h := history.History{Ops: []history.Op{{ID: 1, Outcome: history.OK}}, Notes: []string{"a"}, Complete: true}
	lines := strings.SplitAfter(string(journal(t, h)), "\n")
	for name, tc := range map[string]struct {
		line int
		text string
		want string
	}{
		"not JSON":       {3, "{\"t\":\"ret\n", "line 3: not a record"},
		"unknown tag":    {2, `{"t":"what"}` + "\n", `line 2: unknown tag "what"`},
		"unknown field":  {4, `{"t":"note","nota":"a"}` + "\n", "line 4: not a record"},
		"no value":       {2, `{"t":"invoke"}` + "\n", "line 2: invoke without its value"},
		"never invoked":  {3, `{"t":"return","op":{"id":9}}` + "\n", "line 3: return of op 9"},
		"before meta":    {1, `{"t":"note"}` + "\n", "line 1: note before the meta"},
		"other format":   {1, `{"t":"meta","meta":{"format":99}}` + "\n", "line 1: format 99"},
		"second meta":    {2, lines[0], "line 2: second meta"},
		"after the end":  {4, `{"t":"end"}` + "\n", "line 5: end after the end"},
		"two in a line":  {4, `{"t":"note"}{"t":"note"}` + "\n", "line 4: more than one record"},
		"returned twice": {4, lines[2], "line 4: return of op 1, which is not open"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := append([]string(nil), lines...)
			bad[tc.line-1] = tc.text
			_, err := history.Read(strings.NewReader(strings.Join(bad, "")))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestTheRecorderWritesWhatTheBuyersDid(t *testing.T) {
	var b bytes.Buffer
	r := history.NewRecorder(&b, history.Meta{Scenario: "s", Spec: json.RawMessage(`{}`)})
	r.PhaseStart(history.Baseline)
	var wg sync.WaitGroup
	for p := range 20 {
		wg.Go(func() {
			for range 10 {
				o := history.Op{Process: p, Kind: history.Events}
				o.ID = r.Invoke(o)
				o.Outcome, o.Code = history.OK, 200
				r.Return(o)
			}
		})
	}
	wg.Wait()
	r.PhaseEnd(history.Baseline)
	f := history.Fault{Name: "cut", Start: r.Now()}
	f.Index = r.Fault(f)
	f.Healed = r.Now()
	require.Equal(t, f.Index, r.Fault(f))
	require.Equal(t, 2, r.Fault(history.Fault{Name: "slow"}))
	open := r.Invoke(history.Op{Process: 99, Kind: history.Purchase})
	require.Equal(t, 1, r.Open())
	r.Sample(history.Sample{Values: map[string]float64{"queue_ready": 3}})
	r.Note("done")
	r.Ledger(history.Ledger{})
	r.Complete()
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "closing twice is harmless")

	h, err := history.Read(&b)
	require.NoError(t, err)
	require.True(t, h.Complete)
	require.Len(t, h.Ops, 201)
	var last time.Duration
	for i, o := range h.Ops {
		require.Equal(t, int64(i+1), o.ID)
		require.GreaterOrEqual(t, o.Call, last, "ids and calls have one order")
		require.True(t, o.Open() || o.Return >= o.Call)
		last = o.Call
	}
	require.True(t, h.Ops[open-1].Open())
	require.Len(t, h.During(history.Baseline), 200)
	require.Equal(t, []history.Fault{f, {Index: 2, Name: "slow"}}, h.Faults)
	require.NotZero(t, h.Samples[0].At)
	require.NotZero(t, h.Ledger.At)
}

func TestAnOpWithoutOutcomeReturnsAsUnknown(t *testing.T) {
	var b bytes.Buffer
	r := history.NewRecorder(&b, history.Meta{Spec: json.RawMessage(`{}`)})
	r.Return(history.Op{ID: r.Invoke(history.Op{Kind: history.Lock})})
	require.NoError(t, r.Close())
	h, err := history.Read(&b)
	require.NoError(t, err)
	require.Equal(t, history.Unknown, h.Ops[0].Outcome)
}

func TestWhatCannotBeIsAnErrorOfTheRecorder(t *testing.T) {
	for name, do := range map[string]func(*history.Recorder){
		"return without invoke":   func(r *history.Recorder) { r.Return(history.Op{ID: 4}) },
		"phase that never began":  func(r *history.Recorder) { r.PhaseEnd("x") },
		"a record after the end":  func(r *history.Recorder) { r.Complete(); r.Note("late") },
		"a spec that is not JSON": func(r *history.Recorder) { r.Fault(history.Fault{Spec: json.RawMessage("{")}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := history.NewRecorder(&bytes.Buffer{}, history.Meta{Spec: json.RawMessage(`{}`)})
			do(r)
			require.Error(t, r.Err())
			require.Error(t, r.Close())
		})
	}
}

// brokenDisk takes some bytes and then no more.
type brokenDisk struct{ room int }

func (d *brokenDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestAFullDiskIsReported(t *testing.T) {
	r := history.NewRecorder(&brokenDisk{room: 400}, history.Meta{Spec: json.RawMessage(`{}`)})
	for range 20 {
		r.PhaseStart("p")
	}
	require.ErrorContains(t, r.Err(), "disk full")
	require.ErrorContains(t, r.Close(), "disk full")
}

// notify tells on a channel that bytes arrived.
type notify chan struct{}

func (n notify) Write(p []byte) (int, error) {
	select {
	case n <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestTheJournalIsFlushedWhileNothingHappens(t *testing.T) {
	n := make(notify, 1)
	r := history.NewRecorder(n, history.Meta{Spec: json.RawMessage(`{}`)})
	<-n // meta
	r.Note("small")
	select {
	case <-n:
	case <-time.After(5 * time.Second):
		t.Fatal("nothing written within 5 s")
	}
	require.NoError(t, r.Close())
}

func BenchmarkRecorder(b *testing.B) {
	r := history.NewRecorder(&bytes.Buffer{}, history.Meta{Spec: json.RawMessage(`{}`)})
	for b.Loop() {
		o := history.Op{Kind: history.Purchase, Seats: []string{"A-1"}, LockID: strings.Repeat("x", 36), Transaction: strings.Repeat("x", 36)}
		o.ID = r.Invoke(o)
		o.Outcome, o.Code = history.OK, 202
		r.Return(o)
	}
	require.NoError(b, r.Close())
}

// BenchmarkRead is what judging a journal begins with; bytes per second are the
// figure that counts.
func BenchmarkRead(b *testing.B) {
	h := history.History{Meta: history.Meta{Scenario: "benchmark"}, Complete: true}
	for i := range int64(20_000) {
		h.Ops = append(h.Ops, history.Op{ID: i + 1, Process: int(i % 50), Buyer: int(i), Kind: history.Seats, Event: 7, Call: time.Duration(i) * time.Millisecond,
			Return: time.Duration(i+3) * time.Millisecond, Outcome: history.OK, Code: 200, Node: "app-1", Source: "cache", Free: bytes.Repeat([]byte{0xa5}, 50)})
	}
	text := journal(b, h)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := history.Read(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
