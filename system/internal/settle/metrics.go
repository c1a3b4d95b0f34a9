package settle

import "github.com/prometheus/client_golang/prometheus"

// Metrics is what the consumer measures, beside the queue's own counters.
type Metrics struct {
	settled                                       *prometheus.CounterVec
	errors, rebuilds, dropped, abandoned, rescued prometheus.Counter
	lag                                           prometheus.Histogram
}

// lagBuckets (seconds) reach from a healthy 20 ms batch to an outage of a class's
// length.
var lagBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640}

// NewMetrics registers with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "eventflow_" + name, Help: help})
	}
	m := &Metrics{
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "eventflow_consumer_settled_total",
			Help: "Purchases by what the ledger said: confirmed, rejected, dup_confirmed, dup_rejected, poison."}, []string{"result"}),
		errors:    counter("consumer_settle_errors_total", "Tries after which part of a batch had to be tried again."),
		rebuilds:  counter("epoch_rebuilds_total", "Times that Redis was filled from the ledger."),
		dropped:   counter("consumer_marks_dropped_total", "Settled purchases that Redis was not told at once; the reconciler does it later."),
		abandoned: counter("consumer_abandoned_total", "Purchases that never reached the queue and whose seats were freed."),
		rescued:   counter("consumer_rescued_total", "Accepted purchases that the queue has lost and Redis still knew, written to the ledger."),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "eventflow_persist_lag_seconds",
			Help: "From the node's acceptance of a purchase to its COMMIT.", Buckets: lagBuckets}),
	}
	for _, result := range []string{"confirmed", "rejected", "dup_confirmed", "dup_rejected", "poison"} {
		m.settled.WithLabelValues(result) // a counter that starts at 0 has a rate from its first event on
	}
	reg.MustRegister(m.settled, m.errors, m.rebuilds, m.dropped, m.abandoned, m.rescued, m.lag)
	return m
}
