package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// high is how many units a drawing is tall. Drawings are stretched to the width
// and height that the page gives them; lines keep their thickness.
const high = 100

// curve is one series of a chart.
type curve struct {
	Key   string // of its name
	Class string // of its colour
	X     []float64
	At    []time.Duration // for the table
	Y     []float64       // NaN: not measured
}

// chart is a drawing over the time axis with all that a page says of it.
type chart struct {
	Key, Unit string // words of its title and of what it counts
	ID        string
	Stacked   bool // columns on top of each other, instead of lines
	Log       bool
	Lines     []curve
	axis      axis
	top       float64
	step      float64 // width of a column
}

func newChart(a axis, key, unit string, lines ...curve) chart {
	c := chart{Key: "chart." + key, Unit: "unit." + unit, ID: key, Lines: lines, axis: a, step: wide * float64(a.Step) / float64(a.End)}
	return c.measured()
}

func (c chart) stacked() chart { c.Stacked = true; return c.measured() }

func (c chart) logarithmic() chart { c.Log = true; return c.measured() }

// percents is a chart that always goes up to 100.
func (c chart) percents() chart { c.top = 100; return c }

func (c chart) measured() chart {
	c.top = 0
	for i := range c.rows() {
		sum := 0.0
		for _, l := range c.Lines {
			if y := value(l, i); !math.IsNaN(y) {
				if c.Stacked {
					sum += y
				} else {
					sum = max(sum, y)
				}
			}
		}
		c.top = max(c.top, sum)
	}
	c.top = niceTop(c.top, c.Log)
	return c
}

// niceTop is the end of the scale: 1, 2, 3 or 5 times a power of ten.
func niceTop(y float64, log bool) float64 {
	if y <= 0 || math.IsInf(y, 0) || math.IsNaN(y) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(y)))
	if log {
		return max(10, math.Pow(10, math.Ceil(math.Log10(y))))
	}
	for _, n := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if y <= n*unit {
			return n * unit
		}
	}
	return 10 * unit
}

func value(l curve, i int) float64 {
	if i >= len(l.Y) {
		return gap()
	}
	return l.Y[i]
}

func (c chart) rows() int {
	n := 0
	for _, l := range c.Lines {
		n = max(n, len(l.Y))
	}
	return n
}

// Empty says that there is nothing to draw.
func (c chart) Empty() bool {
	return !slices.ContainsFunc(c.Lines, func(l curve) bool {
		return slices.ContainsFunc(l.Y, func(y float64) bool { return !math.IsNaN(y) && (!c.Stacked || y > 0) })
	})
}

// y is where a value lies in the drawing, 0 at its upper edge.
func (c chart) y(v float64) float64 {
	share := v / c.top
	if c.Log {
		share = math.Log10(max(v, 1)) / math.Log10(c.top)
	}
	return high * (1 - min(max(share, 0), 1))
}

// YTicks are the labels of the scale, by how far down they are.
func (c chart) YTicks() []tick {
	if c.Log {
		var list []tick
		for v := 1.0; v <= c.top; v *= 10 {
			list = append(list, tick{c.y(v), short(v)})
		}
		return list
	}
	return []tick{{high, "0"}, {high / 2, short(c.top / 2)}, {0, short(c.top)}}
}

// short writes a number in as few characters as it can be read in.
func short(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v >= 10000:
		return strconv.FormatFloat(math.Round(v/100)/10, 'f', -1, 64) + "k"
	case v >= 10:
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	case v >= 1:
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// Paths are the outlines of the lines, in the order of c.Lines.
func (c chart) Paths() []template.HTML {
	base := make([]float64, c.rows())
	paths := make([]template.HTML, 0, len(c.Lines))
	for _, l := range c.Lines {
		d, kind := c.polyline(l), "line"
		if c.Stacked {
			d, kind = c.columns(l, base), "column"
		}
		paths = append(paths, template.HTML(fmt.Sprintf(`<path class="%s %s" d="%s"/>`, kind, l.Class, d)))
	}
	return paths
}

// columns stands each value on what lies below it, and adds it to base.
func (c chart) columns(l curve, base []float64) string {
	var b strings.Builder
	across := c.step * 0.88 // the rest keeps columns apart
	for i, y := range l.Y {
		if math.IsNaN(y) || y <= 0 {
			continue
		}
		from := base[i]
		base[i] += y
		fmt.Fprintf(&b, "M%s %sh%sV%sh-%sz", unit(l.X[i]-across/2), unit(c.y(from)), unit(across), unit(c.y(base[i])), unit(across))
	}
	return b.String()
}

// polyline joins the values; a value alone between gaps becomes a short dash, since
// a line of one point is not seen.
func (c chart) polyline(l curve) string {
	var b strings.Builder
	for i, y := range l.Y {
		if math.IsNaN(y) {
			continue
		}
		command := "L"
		if i == 0 || math.IsNaN(l.Y[i-1]) {
			command = "M"
		}
		fmt.Fprintf(&b, "%s%s %s", command, unit(l.X[i]), unit(c.y(y)))
		if command == "M" && math.IsNaN(value(l, i+1)) {
			b.WriteString("h3")
		}
	}
	return b.String()
}

func unit(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// peak is the highest value of a line and when it was reached.
func (l curve) peak() (y float64, at time.Duration, ok bool) {
	for i, v := range l.Y {
		if !math.IsNaN(v) && (!ok || v > y) {
			y, at, ok = v, l.At[i], true
		}
	}
	return y, at, ok
}

// chartRow is a line of a chart's table.
type chartRow struct {
	At     string
	Values []string
}

// Rows is the chart as a table, without the rows in which nothing was measured.
func (c chart) Rows() []chartRow {
	var list []chartRow
	for i := range c.rows() {
		r := chartRow{At: seconds(c.Lines[0].At[i], 2)}
		seen := false
		for _, l := range c.Lines {
			y := value(l, i)
			seen = seen || !math.IsNaN(y) && (!c.Stacked || y > 0)
			r.Values = append(r.Values, short(y))
		}
		if seen {
			list = append(list, r)
		}
	}
	return list
}

// seconds writes an offset with so many decimals.
func seconds(d time.Duration, decimals int) string {
	return strconv.FormatFloat(d.Seconds(), 'f', decimals, 64)
}
