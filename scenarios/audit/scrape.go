package audit

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// series is one value of a sample that EventFlow's programs count themselves.
type series struct {
	name   string              // in the sample
	metric string              // at /metrics
	labels map[string][]string // which of its children: label -> any of these values
	each   bool                // a value for each program, called "<name>:<program>"; else their sum
	of     string              // only what programs tell whose names begin so
}

// counted are the values that drills use as witnesses.
var counted = []series{
	{name: "consumer_received", metric: "eventflow_consumer_received_total"},
	{name: "consumer_redelivered", metric: "eventflow_consumer_redelivered_total"},
	{name: "consumer_duplicates", metric: "eventflow_consumer_settled_total", labels: map[string][]string{"result": {"dup_confirmed"}}},
	{name: inflight, metric: "eventflow_consumer_inflight"},
	{name: "cache_hits", metric: "eventflow_cache_reads_total", labels: map[string][]string{"result": {"hit"}}},
	{name: "cache_stale", metric: "eventflow_cache_reads_total", labels: map[string][]string{"result": {"stale"}}},
	{name: "cache_misses", metric: "eventflow_cache_reads_total", labels: map[string][]string{"result": {"miss"}}},
	{name: "cache_direct", metric: "eventflow_cache_reads_total", labels: map[string][]string{"result": {"direct"}}},
	{name: "lock_conflicts", metric: "eventflow_lock_total", labels: map[string][]string{"result": {"conflict"}}},
	{name: "lock_unknown", metric: "eventflow_lock_total", labels: map[string][]string{"result": {"unknown"}}},
	{name: "publish_accepted", metric: "eventflow_publish_total", labels: map[string][]string{"outcome": {"accepted"}}},
	{name: "publish_unknown", metric: "eventflow_publish_total", labels: map[string][]string{"outcome": {"unknown"}}},
	{name: "epoch_rebuilds", metric: "eventflow_epoch_rebuilds_total"},
	// The nodes may only read PostgreSQL. What their own breaker refused, or what
	// never ended, the store has not answered.
	{name: "store_reads", metric: "eventflow_dependency_requests_total", of: "app-",
		labels: map[string][]string{"dependency": {"postgres"}, "outcome": {"ok", "refused"}}},
	{name: "requests", metric: "eventflow_http_requests_total", each: true},
	{name: "goroutines", metric: "go_goroutines", each: true},
	{name: "fds", metric: "process_open_fds", each: true},
}

const (
	// inflight is how many messages the consumer holds.
	inflight = "consumer_inflight"
	consumer = "consumer" // the program that tells it
)

// scrape asks every program, and the proxy server, at once and gives the sums.
func (a *Auditor) scrape(ctx context.Context) map[string]float64 {
	var mu sync.Mutex
	var all sync.WaitGroup
	answered := map[string]bool{}
	ask := func(who string, read func() error) {
		all.Go(func() {
			if read() != nil {
				return // its series are missing from the sums
			}
			mu.Lock()
			defer mu.Unlock()
			answered[who] = true
		})
	}
	for program, base := range a.config.Health {
		ask(program, func() error { return a.program(ctx, program, base) })
	}
	if a.config.Toxiproxy != "" {
		ask(proxyServer, func() error { return a.accepted(ctx) })
	}
	all.Wait()
	return a.counters.sums(answered)
}

// program takes the series that a program tells. A metric without a fitting child
// counts zero: its first event has yet to come. A program that does not tell the
// metric at all counts other things.
func (a *Auditor) program(ctx context.Context, program, base string) error {
	families, err := a.metrics(ctx, base)
	if err != nil {
		return err
	}
	for _, s := range counted {
		if f := families[s.metric]; f != nil && strings.HasPrefix(program, s.of) {
			a.counters.see(s.called(program), program, s.sum(f), f.GetType() == dto.MetricType_GAUGE)
		}
	}
	return nil
}

// called is the value's name in a sample.
func (s series) called(program string) string {
	if s.each {
		return s.name + ":" + program
	}
	return s.name
}

// sum adds up the fitting children of a metric.
func (s series) sum(f *dto.MetricFamily) (total float64) {
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
		if slices.Contains(s.labels[l.GetName()], l.GetValue()) {
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
	page, err := relevant(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return families, nil
}

// relevant is what a page of metrics says of the counted ones, types included. The
// rest is nine tenths of the page, and to parse it four times a second would cost
// the machine that is being measured.
func relevant(page io.Reader) (*bytes.Buffer, error) {
	var kept bytes.Buffer
	lines := bufio.NewScanner(page)
	for lines.Scan() {
		name := bytes.TrimPrefix(lines.Bytes(), []byte("# TYPE "))
		if end := bytes.IndexAny(name, " {"); end > 0 && slices.ContainsFunc(counted, func(s series) bool { return s.metric == string(name[:end]) }) {
			kept.Write(lines.Bytes())
			kept.WriteByte('\n')
		}
	}
	return &kept, lines.Err()
}
