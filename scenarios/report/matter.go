package report

import (
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// The requests that a page lists: more than these nobody reads, and the journal
// has them all.
const (
	mostListed  = 2000
	mostSlow    = 50
	mostInWords = 160 // characters of what a server or a journal said
)

// listing is the requests that matter: those that the evidence names, those that
// failed, and the slowest.
type listing struct {
	Ops   []listed // by id
	First int64    // the first request that was not served; 0: none
	ids   map[int64]bool
	named map[string]int64 // transaction or lock -> the first listed op with it
}

// listed is one of them.
type listed struct {
	*history.Op
	Evidence bool
	Phase    string
}

var (
	opPattern   = regexp.MustCompile(`\bop (\d+)\b`)
	wordPattern = regexp.MustCompile(`[\pL\pN][\pL\pN_./-]*[\pL\pN]|[\pL\pN]`)
)

func newListing(h history.History, r invariant.Report) listing {
	l := listing{ids: map[int64]bool{}, named: map[string]int64{}}
	l.First = firstFailure(h)
	for i, wanted := range [][]*history.Op{evident(h, r), failures(h), slowest(h)} {
		for _, o := range wanted {
			l.add(h, o, i == 0)
		}
	}
	slices.SortFunc(l.Ops, func(a, b listed) int { return int(a.ID - b.ID) })
	for _, o := range l.Ops {
		for _, name := range []string{o.Transaction, o.LockID} {
			if _, ok := l.named[name]; !ok && name != "" {
				l.named[name] = o.ID
			}
		}
	}
	return l
}

func (l *listing) add(h history.History, o *history.Op, evidence bool) {
	if l.ids[o.ID] || len(l.Ops) >= mostListed {
		return
	}
	l.ids[o.ID] = true
	l.Ops = append(l.Ops, listed{Op: o, Evidence: evidence, Phase: h.PhaseOf(*o)})
}

// mostEvident leaves room in the list for what failed without being evidence.
const mostEvident = 600

// evident is the ops that evidence names, by their number or by their transaction
// or lock.
func evident(h history.History, r invariant.Report) []*history.Op {
	numbers, names := map[string]bool{}, map[string]bool{}
	for _, f := range r.Findings {
		for _, e := range f.Evidence {
			for _, m := range opPattern.FindAllStringSubmatch(e, -1) {
				numbers[m[1]] = true
			}
			for _, word := range wordPattern.FindAllString(e, -1) {
				names[word] = true
			}
		}
	}
	var ops []*history.Op
	for i := range h.Ops {
		o := &h.Ops[i]
		if numbers[strconv.FormatInt(o.ID, 10)] || names[o.Transaction] || names[o.LockID] {
			ops = append(ops, o)
		}
		if len(ops) == mostEvident {
			break
		}
	}
	return ops
}

// failures is the ops that the shop did not serve, the rarest kinds first, so that
// thousands of refused reads do not hide the one lost purchase.
func failures(h history.History) []*history.Op {
	byKind := map[history.Kind][]*history.Op{}
	for i := range h.Ops {
		if o := &h.Ops[i]; !o.Served() {
			byKind[o.Kind] = append(byKind[o.Kind], o)
		}
	}
	lists := make([][]*history.Op, 0, len(byKind))
	for _, k := range kinds() {
		if len(byKind[k]) > 0 {
			lists = append(lists, byKind[k])
		}
	}
	slices.SortStableFunc(lists, func(a, b []*history.Op) int { return len(a) - len(b) })
	return slices.Concat(lists...)
}

func firstFailure(h history.History) int64 {
	for i := range h.Ops {
		if !h.Ops[i].Served() {
			return h.Ops[i].ID
		}
	}
	return 0
}

func slowest(h history.History) []*history.Op {
	ops := make([]*history.Op, 0, len(h.Ops))
	for i := range h.Ops {
		if !h.Ops[i].Open() {
			ops = append(ops, &h.Ops[i])
		}
	}
	slices.SortStableFunc(ops, func(a, b *history.Op) int { return int(b.Latency() - a.Latency()) })
	return ops[:min(mostSlow, len(ops))]
}

// link makes the ops, transactions and locks that a text names point at their
// rows. The text comes from servers and journals: everything else is escaped.
func (l listing) link(text string) template.HTML {
	var b strings.Builder
	last := 0
	for _, m := range mentions(text) {
		id, ok := l.target(text[m[0]:m[1]])
		if !ok || m[0] < last {
			continue
		}
		b.WriteString(template.HTMLEscapeString(text[last:m[0]]))
		fmt.Fprintf(&b, `<a href="#op-%d">%s</a>`, id, template.HTMLEscapeString(text[m[0]:m[1]]))
		last = m[1]
	}
	b.WriteString(template.HTMLEscapeString(text[last:]))
	return template.HTML(b.String())
}

// mentions are the places of "op 12" and of single words, from the left.
func mentions(text string) [][]int {
	found := slices.Concat(opPattern.FindAllStringIndex(text, -1), wordPattern.FindAllStringIndex(text, -1))
	slices.SortStableFunc(found, func(a, b []int) int { return a[0] - b[0] })
	return found
}

func (l listing) target(words string) (int64, bool) {
	if m := opPattern.FindStringSubmatch(words); m != nil {
		id, err := strconv.ParseInt(m[1], 10, 64)
		return id, err == nil && l.ids[id]
	}
	id, ok := l.named[words]
	return id, ok
}

// About is what the op was about: seats, transaction or lock.
func (o listed) About() string {
	var parts []string
	if len(o.Seats) > 0 {
		parts = append(parts, strings.Join(o.Seats, " "))
	}
	if o.Transaction != "" {
		parts = append(parts, "tx "+o.Transaction)
	} else if o.LockID != "" {
		parts = append(parts, "lock "+o.LockID)
	}
	for _, s := range []string{o.State, o.Source, o.Forgery} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return cut(strings.Join(parts, " · "), mostInWords)
}

// Answer is what came back, without what the outcome says already.
func (o listed) Answer() string {
	var parts []string
	if o.Code != 0 {
		parts = append(parts, strconv.Itoa(o.Code))
	}
	for _, s := range []string{o.Problem, o.Error} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return cut(strings.Join(parts, " "), mostInWords)
}

// Wait is how long the buyer waited, in milliseconds; empty if nothing came.
func (o listed) Wait() string {
	if o.Open() {
		return ""
	}
	return strconv.FormatFloat(millis(o.Latency()), 'f', 0, 64)
}

// cut keeps the first n characters of a text.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return shorten(text, n)
}
