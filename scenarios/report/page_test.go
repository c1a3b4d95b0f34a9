package report_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/report"
)

func pageOf(t *testing.T, h history.History, r invariant.Report, lang string) string {
	t.Helper()
	return text(t, func(w io.Writer) error { return report.WriteHTML(w, h, r, lang) })
}

func TestThePageNamesEveryInvariantAndTheBrokenOnesFirst(t *testing.T) {
	for _, d := range drills() {
		page := pageOf(t, d.History, d.Report, report.English)
		last := -1
		for _, v := range []invariant.Verdict{invariant.Broken, invariant.Invalid, invariant.Pass} {
			for _, f := range d.Report.Findings {
				assert.Contains(t, page, `id="inv-`+f.Invariant+`"`)
			}
			if at := strings.Index(page, `<tbody class="`+string(v)+`"`); at >= 0 {
				assert.Greater(t, at, last, "%s stands after what is worse", v)
				last = at
			}
		}
		assert.Contains(t, page, `<header class="`+string(d.Report.Verdict)+`">`)
	}
}

func TestThePageSaysWhatEveryInvariantDemands(t *testing.T) {
	r := invariant.Report{Verdict: invariant.Pass}
	for _, info := range invariant.All() {
		r.Findings = append(r.Findings, invariant.Finding{Invariant: info.Name, Verdict: invariant.Pass, Detail: "nothing to see"})
	}
	page := pageOf(t, drill("calm"), r, report.English)
	for _, info := range invariant.All() {
		assert.Contains(t, page, info.Name)
		assert.Contains(t, page, htmlText(info.EN))
		assert.Contains(t, page, htmlText(info.ES))
	}
}

func htmlText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&#39;", `"`, "&#34;").Replace(s)
}

func TestWhatWasNotJudgedIsNoPass(t *testing.T) {
	r := invariant.Report{Verdict: invariant.Pass, Findings: []invariant.Finding{
		{Invariant: invariant.NoLoss, Verdict: invariant.Pass, Detail: "not judged: nobody looked"},
		{Invariant: invariant.Sound, Verdict: invariant.Pass, Detail: "the record is whole"},
	}}
	page := pageOf(t, drill("calm"), r, report.English)
	assert.Equal(t, 1, strings.Count(page, `class="badge idle"`))
	assert.Greater(t, strings.Index(page, `id="inv-NoLoss"`), strings.Index(page, `id="inv-Sound"`), "it comes last")
}

// TestThePageAsksNothingOfTheNetwork: no address, no style from elsewhere, and a
// policy that would stop it if there were.
func TestThePageAsksNothingOfTheNetwork(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "run"), 0o755))
	d := drills()[1]
	require.NoError(t, report.WriteDrill(filepath.Join(dir, "run"), d.History, d.Report))
	require.NoError(t, report.WriteIndex(dir))
	for _, path := range []string{filepath.Join(dir, "run", report.PageFile), filepath.Join(dir, report.IndexFile)} {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		page := string(raw)
		assert.NotRegexp(t, `(?i)(src|href|action|data|poster)\s*=\s*["']?(https?:)?//`, page)
		assert.NotRegexp(t, `(?i)@import|url\(\s*["']?(https?:|//)|<(script|img|iframe|object|embed)[^>]*\ssrc|rel="?stylesheet`, page)
		assert.NotRegexp(t, `\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon)\b`, page)
		assert.Contains(t, page, `content="default-src 'none';`)
	}
}

const hostile = `"><script>alert('A-1')</script><img src=x onerror=alert(1)>`

// TestHostileTextStaysText: what servers, journals and folders say is shown, never
// obeyed.
func TestHostileTextStaysText(t *testing.T) {
	h := drill(hostile)
	h.Meta.Claim, h.Meta.Mutant, h.Meta.Stack = hostile, hostile, hostile
	h.Meta.Versions = map[string]string{hostile: hostile}
	h.Meta.Config = map[string]map[string]string{hostile: {hostile: hostile}}
	h.Meta.Plan = []byte(`{"claim":{"en":"</script><script>alert(1)</script>","es":"<img src=x>"}}`)
	h.Notes = []string{hostile}
	h.Faults[0].Name, h.Faults[0].Symptom, h.Faults[0].Error, h.Faults[0].ReadBack = hostile, hostile, hostile, hostile
	h.Faults[0].Links = []string{hostile, hostile + "2", hostile + "3"}
	h.Phases[1].Name, h.Faults[0].Phase = hostile, hostile
	for i := range h.Ops {
		o := &h.Ops[i]
		o.Outcome, o.Code, o.Seats = history.Unknown, 0, []string{hostile}
		o.Problem, o.Error, o.Node, o.State, o.Source, o.Transaction = hostile, hostile, hostile, hostile, hostile, hostile
	}
	r := invariant.Report{Verdict: invariant.Invalid, Findings: []invariant.Finding{
		{Invariant: invariant.NoLoss, Verdict: invariant.Broken, Phase: hostile, Detail: hostile, Evidence: []string{"op 1 " + hostile, hostile}},
		{Invariant: invariant.NonVacuity, Verdict: invariant.Invalid, Detail: hostile, Counts: map[string]int64{"needed": 1}},
	}, Numbers: invariant.Numbers{Service: []invariant.Service{{Phase: hostile, Kind: history.Lock, Ops: 1}}}}
	dir := t.TempDir()
	run := filepath.Join(dir, "<img src=x>")
	require.NoError(t, os.Mkdir(run, 0o755))
	require.NoError(t, report.WriteDrill(run, h, r))
	require.NoError(t, report.WriteIndex(dir))
	for _, path := range []string{filepath.Join(run, report.PageFile), filepath.Join(dir, report.IndexFile)} {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		page := string(raw)
		assert.Equal(t, 1, strings.Count(page, "<script"), path)
		assert.NotContains(t, page, "<img", path)
		assert.Contains(t, page, "&lt;script&gt;", path)
	}
}

// TestEveryLinkOfThePageLeadsSomewhere also finds ids that are given twice.
func TestEveryLinkOfThePageLeadsSomewhere(t *testing.T) {
	for _, d := range drills() {
		page := pageOf(t, d.History, d.Report, report.English)
		ids := map[string]int{}
		for _, m := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			ids[m[1]]++
			assert.Equal(t, 1, ids[m[1]], "id %s", m[1])
		}
		for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby="|aria-describedby=")([^"]+)"`).FindAllStringSubmatch(page, -1) {
			for _, id := range strings.Fields(m[1]) {
				assert.Contains(t, ids, id)
			}
		}
	}
}

func TestEvidenceLeadsToItsRequests(t *testing.T) {
	d := drills()[1]
	page := pageOf(t, d.History, d.Report, report.English)
	assert.Contains(t, page, `<a href="#op-9">op 9</a>`, "by number")
	assert.Regexp(t, `<a href="#op-\d+">tx-c</a>`, page, "by transaction")
	assert.Contains(t, page, `<tr id="op-9" data-k="purchase" data-o="ok" class="ev">`)
}

func TestThePageSpeaksTheLanguageAskedFor(t *testing.T) {
	d := drills()[0]
	for lang, words := range map[string]string{report.English: "<title>pass: postgres-cut", report.Spanish: "<title>pasa: postgres-cut", "fr": "<title>pass: postgres-cut"} {
		page := pageOf(t, d.History, d.Report, lang)
		assert.Contains(t, page, words)
		assert.Contains(t, page, "3 purchases accepted")
		assert.Contains(t, page, "3 compras aceptadas")
	}
	assert.Contains(t, pageOf(t, d.History, d.Report, report.Spanish), `<html lang="es"`)
}

// TestALargeDrillStaysASmallPage: what grows with the drill is capped, and the few
// requests that failed are never among what is left out.
func TestALargeDrillStaysASmallPage(t *testing.T) {
	h := drill("large")
	h.Ops = nil
	for i := range 200_000 {
		at := time.Duration(i) * 100 * time.Microsecond
		o := history.Op{ID: int64(i + 1), Kind: history.Seats, Intended: at, Call: at, Return: at + time.Duration(i%900)*time.Millisecond,
			Outcome: history.OK, Code: 200, Node: "app-1", Seats: []string{"A-1", "A-2"}, Transaction: fmt.Sprintf("tx-%d", i)}
		if i%3 == 0 {
			o.Outcome, o.Code, o.Problem, o.Error = history.Refused, 503, "unavailable", strings.Repeat("long words ", 100)
		}
		if i == 99_999 {
			o.Kind, o.Outcome, o.Code = history.Purchase, history.Unknown, 0
		}
		h.Ops = append(h.Ops, o)
	}
	for i := range 3000 {
		h.Faults = append(h.Faults, h.Faults[0])
		h.Faults[i+1].Start = time.Duration(i) * time.Millisecond
		h.Samples = append(h.Samples, history.Sample{At: time.Duration(i) * 6 * time.Millisecond, Values: map[string]float64{"queue_total": float64(i)}})
		h.Notes = append(h.Notes, strings.Repeat("note ", 1000))
	}
	h.Meta.Plan = bytes.Repeat([]byte(`[1,2,3],`), 50_000)
	h.Meta.Plan = append(append([]byte{'['}, h.Meta.Plan...), []byte("0]")...)
	page := pageOf(t, h, invariant.Report{Verdict: invariant.Pass, Numbers: invariant.Numbers{Ops: len(h.Ops)}}, report.English)
	assert.Less(t, len(page), 2<<20)
	assert.Contains(t, page, `id="op-100000"`, "the one purchase of unknown outcome")
}

func TestAPageCanBeMadeOfAlmostNothing(t *testing.T) {
	for name, h := range map[string]history.History{
		"nothing":      {},
		"never healed": {Faults: []history.Fault{{Name: "cut", Links: []string{"a_b"}, Start: time.Second}}, Phases: []history.Phase{{Name: "cut", Start: time.Second}}},
		"one open op":  {Ops: []history.Op{{ID: 1, Kind: history.Purchase, Call: time.Second}}},
		"odd kind":     {Ops: []history.Op{{ID: 1, Kind: "dance", Call: time.Second, Return: 2 * time.Second, Outcome: "maybe"}}},
		"no measure":   {Samples: []history.Sample{{At: time.Second, Values: map[string]float64{"queue_total": 0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			page := pageOf(t, h, invariant.Judge(h), report.English)
			assert.NotContains(t, page, "NaN")
			assert.NotContains(t, page, "Inf")
			assert.Contains(t, page, "</html>")
		})
	}
}

func TestAPageThatCannotBeWrittenIsReported(t *testing.T) {
	d := drills()[0]
	require.ErrorContains(t, report.WriteHTML(full{}, d.History, d.Report, report.English), "disk full")
}

// TestTheTimelineComesAndGoesWithTheVerdict: two buyers hold one seat; judged again
// without them, no picture accuses anybody.
func TestTheTimelineComesAndGoesWithTheVerdict(t *testing.T) {
	h := drill("two-hold-one-seat")
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Kind != history.Seats {
			o.Seats = []string{"A-a"}
		}
	}
	dir := t.TempDir()
	require.NoError(t, report.WritePage(dir, h, invariant.Judge(h), report.English))
	require.FileExists(t, filepath.Join(dir, report.TimelineFile))
	raw, err := os.ReadFile(filepath.Join(dir, report.PageFile))
	require.NoError(t, err)
	require.Contains(t, string(raw), `href="`+report.TimelineFile+`"`)

	good := drill("calm")
	require.NoError(t, report.WritePage(dir, good, invariant.Judge(good), report.English))
	require.NoFileExists(t, filepath.Join(dir, report.TimelineFile))
}
