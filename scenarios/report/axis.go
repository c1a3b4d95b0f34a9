package report

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"eventflow/scenarios/history"
)

// axis is the time axis that all charts of a page share: from the start of the
// drill to its end, in steps of equal length.
type axis struct {
	End   time.Duration
	Step  time.Duration
	steps int
}

// wide is how many units a drawing is across, whatever the width of the screen.
const wide = 1000

// mostSteps is how many steps an axis has at most: more would be narrower than a
// pixel on paper.
const mostSteps = 120

func newAxis(h history.History) axis {
	end := max(h.End(), time.Second)
	step := end/mostSteps + 1
	for _, nice := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute} {
		if end <= nice*mostSteps {
			step = nice
			break
		}
	}
	return axis{End: end, Step: step, steps: int((end + step - 1) / step)}
}

// at is where an instant lies on the axis, from 0 to wide.
func (a axis) at(d time.Duration) float64 {
	return wide * min(max(float64(d)/float64(a.End), 0), 1)
}

// percent is where an instant lies on the axis, from 0 to 100.
func (a axis) percent(d time.Duration) float64 { return a.at(d) * 100 / wide }

// index is the step that an instant lies in.
func (a axis) index(d time.Duration) int {
	return min(max(int(d/a.Step), 0), a.steps-1)
}

// middle is where the middle of a step lies, from 0 to wide.
func (a axis) middle(i int) float64 { return a.at(a.Step*time.Duration(i) + a.Step/2) }

// tick is a labelled place on an axis.
type tick struct {
	Percent float64
	Label   string
}

// Ticks are at most eight round instants.
func (a axis) Ticks() []tick {
	every := a.End
	for _, nice := range []time.Duration{1, 2, 5, 10, 30, 60, 300, 600, 3600} {
		if a.End <= 8*nice*time.Second {
			every = nice * time.Second
			break
		}
	}
	var list []tick
	for at := time.Duration(0); at <= a.End && len(list) < 10; at += every {
		list = append(list, tick{a.percent(at), strconv.FormatFloat(at.Seconds(), 'f', -1, 64)})
	}
	return list
}

// band is a stretch of the axis that is shaded, in units of the drawing.
type band struct {
	X, Width float64
	Weak     bool // being put in force, or being healed
}

// bands are the stretches of a fault: coming, in force, going. One that was never
// healed goes on to the end.
func (a axis) bands(f history.Fault) []band {
	inForce, heal, healed := f.InForce, f.HealAt, f.Healed
	if heal == 0 {
		heal = a.End
	}
	if healed == 0 {
		healed = a.End
	}
	if inForce == 0 {
		inForce = heal
	}
	list := []band{a.band(f.Start, inForce, true), a.band(inForce, heal, false), a.band(heal, healed, true)}
	return slices.DeleteFunc(list, func(b band) bool { return b.Width <= 0 })
}

func (a axis) band(from, to time.Duration, weak bool) band {
	x := a.at(from)
	return band{X: x, Width: a.at(to) - x, Weak: weak}
}

// mostBands is how many bands are drawn one by one: links that flap for an hour
// would fill the page.
const mostBands = 150

// joined makes few bands of very many: those that mark a fault in force, the ones
// that nearly touch as one.
func joined(bands []band) []band {
	if len(bands) <= mostBands {
		return bands
	}
	bands = slices.DeleteFunc(slices.Clone(bands), func(b band) bool { return b.Weak })
	slices.SortFunc(bands, func(a, b band) int { return cmp.Compare(a.X, b.X) })
	const near = wide / mostBands
	var list []band
	for _, b := range bands {
		if last := len(list) - 1; last >= 0 && b.X <= list[last].X+list[last].Width+near {
			list[last].Width = max(list[last].Width, b.X+b.Width-list[last].X)
		} else {
			list = append(list, b)
		}
	}
	return list
}
