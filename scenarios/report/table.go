package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"eventflow/scenarios/invariant"
)

// width is how many columns a table may take: a terminal beside an editor, or a
// CI log, has at least so many.
const width = 100

// columns are the table's heads; a star marks what counts only while a fault is
// in force. All but the first two are numbers and stand to the right.
var columns = [...]string{"scenario", "verdict", "ops", "cached*", "accepted*", "queued", "persisted", "lost", "dup", "recovery"}

const footnote = "* while a fault was in force; queued is the peak, recovery counts from the last heal"

type row [len(columns)]string

func rowOf(d Drill) row {
	n := d.Report.Numbers
	r := row{
		d.History.Meta.Scenario, string(d.Report.Verdict), strconv.Itoa(n.Ops), strconv.Itoa(n.CacheReadsFault),
		strconv.Itoa(n.AcceptedFault), orDash(n.QueuedPeak, "%d"), "-", "-", "-", recovery(n),
	}
	if n.Audited {
		r[6], r[7], r[8] = strconv.Itoa(n.Persisted), strconv.Itoa(n.Lost), strconv.Itoa(n.Duplicated)
	}
	return r
}

func orDash[T any](x *T, format string) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf(format, *x)
}

func recovery(n invariant.Numbers) string {
	if n.RecoveryMS == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f s", *n.RecoveryMS/1000)
}

// WriteTable writes one line per drill, aligned and at most 100 columns wide. With
// colour it marks verdicts and losses; whether the reader wants colour (a
// terminal, NO_COLOR unset) the caller knows.
func WriteTable(w io.Writer, drills []Drill, colour bool) error {
	rows := make([]row, 0, len(drills))
	for _, d := range drills {
		rows = append(rows, rowOf(d))
	}
	widths := measure(rows)
	var b strings.Builder
	b.WriteString(line(row(columns), widths, false) + "\n")
	for _, r := range rows {
		b.WriteString(line(r, widths, colour) + "\n")
	}
	b.WriteString(footnote + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// measure is the width of each column. The first one, which holds names, gives
// way when the line gets too long.
func measure(rows []row) (widths [len(columns)]int) {
	total := 2 * (len(columns) - 1)
	for i, head := range columns {
		widths[i] = len(head)
		for _, r := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(r[i]))
		}
		total += widths[i]
	}
	if total > width {
		widths[0] = max(len(columns[0]), widths[0]-(total-width))
	}
	return widths
}

func line(r row, widths [len(columns)]int, colour bool) string {
	cells := make([]string, len(r))
	for i, text := range r {
		text = shorten(text, widths[i])
		gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if colour {
			text = paint(i, text)
		}
		if i < 2 {
			cells[i] = text + gap
		} else {
			cells[i] = gap + text
		}
	}
	return strings.TrimRight(strings.Join(cells, "  "), " ")
}

func shorten(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

// paint colours a verdict, and a number that should be zero and is not.
func paint(column int, text string) string {
	codes := map[string]string{string(invariant.Pass): "32", string(invariant.Broken): "31", string(invariant.Invalid): "33"}
	code := ""
	switch columns[column] {
	case "verdict":
		code = codes[text]
	case "lost", "dup":
		if text != "0" && text != "-" {
			code = "31"
		}
	}
	if code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
