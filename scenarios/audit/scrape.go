package audit

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// series is one value of a sample that EventFlow's programs count themselves,
// summed over them.
type series struct {
	name   string            // in the sample
	metric string            // at /metrics
	labels map[string]string // which of its children
}

// counted are the values that drills use as witnesses.
var counted = []series{
	{"consumer_received", "eventflow_consumer_received_total", nil},
	{"consumer_redelivered", "eventflow_consumer_redelivered_total", nil},
	{"consumer_duplicates", "eventflow_consumer_settled_total", map[string]string{"result": "dup_confirmed"}},
	{inflight, "eventflow_consumer_inflight", nil},
	{"cache_hits", "eventflow_cache_reads_total", map[string]string{"result": "hit"}},
	{"cache_stale", "eventflow_cache_reads_total", map[string]string{"result": "stale"}},
	{"cache_misses", "eventflow_cache_reads_total", map[string]string{"result": "miss"}},
	{"cache_direct", "eventflow_cache_reads_total", map[string]string{"result": "direct"}},
	{"lock_conflicts", "eventflow_lock_total", map[string]string{"result": "conflict"}},
	{"lock_unknown", "eventflow_lock_total", map[string]string{"result": "unknown"}},
	{"publish_accepted", "eventflow_publish_total", map[string]string{"outcome": "accepted"}},
	{"publish_unknown", "eventflow_publish_total", map[string]string{"outcome": "unknown"}},
}

// inflight is how many messages the consumer holds.
const inflight = "consumer_inflight"

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

// sum adds up a series. It is missing when nobody has ever told it, or when
// somebody who has told it before does not answer now: a part of a sum looks
// like a drop.
func (c *counters) sum(name string, answered map[string]bool) (total float64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for program, value := range c.last[name] {
		if !answered[program] {
			return 0, false
		}
		total += value + c.above[name][program]
	}
	return total, len(c.last[name]) > 0
}

// scrape asks every program at once and gives the sums.
func (a *Auditor) scrape(ctx context.Context) map[string]float64 {
	var mu sync.Mutex
	var all sync.WaitGroup
	answered := map[string]bool{}
	for program, base := range a.config.Health {
		all.Go(func() {
			families, err := a.metrics(ctx, base)
			if err != nil {
				return // its series are missing from the sums
			}
			a.see(program, families)
			mu.Lock()
			defer mu.Unlock()
			answered[program] = true
		})
	}
	all.Wait()
	sums := map[string]float64{}
	for _, s := range counted {
		if total, ok := a.counters.sum(s.name, answered); ok {
			sums[s.name] = total
		}
	}
	return sums
}

// see takes the series that a program tells. A metric without a fitting child
// counts zero: its first event has yet to come. A program that does not tell the
// metric at all counts other things.
func (a *Auditor) see(program string, families map[string]*dto.MetricFamily) {
	for _, s := range counted {
		if f := families[s.metric]; f != nil {
			a.counters.see(s.name, program, s.of(f), f.GetType() == dto.MetricType_GAUGE)
		}
	}
}

// of adds up the fitting children of a metric.
func (s series) of(f *dto.MetricFamily) (total float64) {
	for _, m := range f.GetMetric() {
		if s.fits(m) {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() // one of them is absent: zero
		}
	}
	return total
}

func (s series) fits(m *dto.Metric) bool {
	matched := 0
	for _, l := range m.GetLabel() {
		if want, ok := s.labels[l.GetName()]; ok && want == l.GetValue() {
			matched++
		}
	}
	return matched == len(s.labels)
}

func (a *Auditor) metrics(ctx context.Context, base string) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for metrics: %s", resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return families, nil
}
