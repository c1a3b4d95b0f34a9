package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// PageFile is the drill as a page for people: one file that needs nothing but a
// browser.
const PageFile = "report.html"

// TimelineFile shows the holds of the first seat that two buyers held at once, if
// there is one.
const TimelineFile = "lock-timeline.html"

// page is what the template of a drill is filled with.
type page struct {
	Lang     string
	H        history.History
	R        invariant.Report
	Claim    bilingual
	Duration string
	Revision string

	Headline  template.HTML
	Reason    template.HTML // why it proves nothing; empty: it proved something
	Tiles     []tile
	Invariant []judged
	Witnesses []witness
	Axis      axis
	Lanes     []lane
	MoreLanes int
	Shades    []band
	Phases    []stretch
	Charts    []chart
	Strip     strip
	Service   serviceTable
	Steady    []history.Kind
	Stale     []staleness
	Ops       listing
	Env       environment
	Faults    []history.Fault
	Notes     []string
	Judge     string
	Again     string
	Timeline  bool // TimelineFile is beside the page
	Style     template.CSS
	Script    template.JS
}

// bilingual is a sentence of a scenario's author.
type bilingual struct {
	EN string `json:"en"`
	ES string `json:"es"`
}

// WriteHTML writes the drill as one page. lang is the language that it shows where
// no script runs: English unless it is Spanish.
func WriteHTML(w io.Writer, h history.History, r invariant.Report, lang string) error {
	return writePage(w, h, r, lang, JournalFile, false)
}

// writePage is WriteHTML for a page that knows where its journal is, as commands
// are to name it, and whether a timeline stands beside it.
func writePage(w io.Writer, h history.History, r invariant.Report, lang, journal string, timeline bool) error {
	words, err := loadWords()
	if err != nil {
		return err
	}
	p := newPage(h, r)
	p.Timeline, p.Lang = timeline, knownLanguage(lang)
	p.Judge, p.Again = "bin/lab judge "+shell(journal), "bin/lab report "+shell(journal)
	if p.Headline, err = headline(words, r); err != nil {
		return err
	}
	if p.Reason, err = reason(words, r); err != nil {
		return err
	}
	if p.Style, p.Script, err = assets(); err != nil {
		return err
	}
	return render(w, "drill.html", words, p.Lang, p.Ops.link, p)
}

func knownLanguage(lang string) string {
	if lang == Spanish {
		return Spanish
	}
	return English
}

func newPage(h history.History, r invariant.Report) page {
	a := newAxis(h)
	p := page{
		H: h, R: r, Claim: claimOf(h.Meta), Duration: seconds(h.End(), 1), Revision: h.Meta.Versions["vcs.revision"],
		Tiles: tiles(r.Numbers), Invariant: judgements(r), Witnesses: witnessesOf(h.Meta, r),
		Axis: a, Shades: shades(h, a), Phases: stretches(h, a), Charts: charts(h, a), Strip: newStrip(h, a),
		Service: newServiceTable(h, r.Numbers), Steady: steady(h, r.Numbers), Stale: stalenesses(h), Ops: newListing(h, r), Env: environmentOf(h.Meta),
		Faults: h.Faults[:min(len(h.Faults), mostFaults)], Notes: thin(h.Notes, mostNotes),
	}
	p.Lanes, p.MoreLanes = lanes(h, a)
	return p
}

// What a page lists at most of what may be very many.
const (
	mostFaults = 300
	mostNotes  = 300
	fewNotes   = 8
	mostText   = 800 // characters of a text that is not for the table of requests
)

// FewNotes says that the notes may stand open.
func (p page) FewNotes() bool { return len(p.Notes) <= fewNotes }

// claimOf is the claim in both languages, which the plan has; a journal without
// one has it in English.
func claimOf(m history.Meta) bilingual {
	var plan struct{ Claim bilingual }
	if json.Unmarshal(m.Plan, &plan) != nil || plan.Claim.EN == "" {
		plan.Claim.EN = m.Claim
	}
	if plan.Claim.ES == "" {
		plan.Claim.ES = plan.Claim.EN
	}
	return plan.Claim
}

func assets() (template.CSS, template.JS, error) {
	css, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return "", "", fmt.Errorf("read style: %w", err)
	}
	js, err := pageFiles.ReadFile("page/page.js")
	if err != nil {
		return "", "", fmt.Errorf("read script: %w", err)
	}
	return template.CSS(css), template.JS(js), nil
}

// render fills a template. It writes nothing unless the whole page could be made.
func render(w io.Writer, name string, words words, lang string, link func(string) template.HTML, data any) error {
	t, err := template.New(name).Funcs(functions(words, lang, link)).ParseFS(pageFiles, "page/*.html")
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("make page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func functions(w words, lang string, link func(string) template.HTML) template.FuncMap {
	return template.FuncMap{
		"t":       w.both,
		"plain":   func(key string, pairs ...any) (string, error) { return w.plain(lang, key, pairs...) },
		"in":      w.plain,
		"link":    link,
		"secs":    func(d time.Duration) string { return seconds(d, 3) },
		"sec":     func(d time.Duration) string { return seconds(d, 2) },
		"sec0":    func(d time.Duration) string { return seconds(d, 0) },
		"fixed":   func(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) },
		"num":     func(n int) string { return grouped(n) },
		"num64":   func(n int64) string { return grouped(n) },
		"css":     func(v float64) template.CSS { return template.CSS(strconv.FormatFloat(v, 'f', 2, 64)) },
		"percent": percentage,
		"join":    strings.Join,
		"kinds":   kinds,
		"marks":   outcomeList,
		"peak":    func(c chart) ([]template.HTML, error) { return peaks(w, c) },
		"means":   means,
		"label":   faultLabel,
		"utc":     func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") },
		"iso":     func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"idle":    idle,
		"more":    more,
		"times":   func(a, b float64) float64 { return a * b },
		"plus":    func(a, b int) int { return a + b },
		"ms2s":    func(ms *float64) string { return strconv.FormatFloat(*ms/1000, 'f', 2, 64) },
		"tenths":  func(x *float64) string { return strconv.FormatFloat(*x, 'f', 1, 64) },
		"span":    func(from, to time.Duration) string { return seconds(to-from, 2) },
		"clip":    func(text string) string { return cut(text, mostText) },
		"dict":    dict,
		"outcome": outcomeWords(w),
		"rerun":   Rerun,
		"sorted":  func(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) },
	}
}

// outcomeWords are the names of the outcomes, made once: a page says them thousands
// of times.
func outcomeWords(w words) func(history.Outcome) (template.HTML, error) {
	made := map[history.Outcome]template.HTML{}
	return func(o history.Outcome) (template.HTML, error) {
		if text, ok := made[o]; ok {
			return text, nil
		}
		key := "series." + string(o)
		if !slices.Contains(outcomeList(), o) {
			key = "series.unknown" // nothing may be concluded from it
		}
		text, err := w.both(key)
		made[o] = text
		return text, err
	}
}

// dict hands several values to a template.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}

// grouped writes a whole number with thin spaces between the thousands, as both
// languages read it.
func grouped[T int | int64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	if n < 10000 {
		return text
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// percentage never rounds up to 100: one failure in ten thousand is one.
func percentage(share float64) string {
	p := 100 * share
	if p > 99.9 && p < 100 {
		return strconv.FormatFloat(p, 'f', 2, 64)
	}
	if p >= 100 {
		return "100"
	}
	return strconv.FormatFloat(p, 'f', 1, 64)
}

// peaks says in words what a chart's lines show, for those who do not see them.
func peaks(w words, c chart) ([]template.HTML, error) {
	var list []template.HTML
	for _, l := range c.Lines {
		y, at, ok := l.peak()
		if !ok || y == 0 {
			continue
		}
		name, err := w.both(l.Key)
		if err != nil {
			return nil, err
		}
		text, err := w.both("charts.peak", "name", name, "max", short(y), "t", seconds(at, 1))
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}
