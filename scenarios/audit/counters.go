package audit

import (
	"sync"
)

// counters turns what single programs say into sums that only rise: a program
// that starts again counts from zero, and what it had counted before stays
// counted.
type counters struct {
	mu    sync.Mutex
	last  map[string]map[string]float64 // series -> program -> last value
	above map[string]map[string]float64 // series -> program -> sum before its restarts
}

func newCounters() *counters {
	return &counters{last: map[string]map[string]float64{}, above: map[string]map[string]float64{}}
}

// see takes one program's value.
func (c *counters) see(name, program string, value float64, gauge bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last[name] == nil {
		c.last[name], c.above[name] = map[string]float64{}, map[string]float64{}
	}
	if last := c.last[name][program]; value < last && !gauge {
		c.above[name][program] += last
	}
	c.last[name][program] = value
}

// sums adds up every series that was ever told. One is missing when somebody who
// has told it before does not answer now: a part of a sum looks like a drop.
func (c *counters) sums(answered map[string]bool) map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	totals := map[string]float64{}
	for name, told := range c.last {
		total, whole := 0.0, true
		for program, value := range told {
			whole = whole && answered[program]
			total += value + c.above[name][program]
		}
		if whole {
			totals[name] = total
		}
	}
	return totals
}
