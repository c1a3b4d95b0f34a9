package httpapi

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/ticket"
)

// Counters is what the shop counts besides requests.
type Counters struct {
	reads, locks, published *prometheus.CounterVec
}

// NewCounters registers them.
func NewCounters(reg prometheus.Registerer) *Counters {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(v)
		return v
	}
	return &Counters{
		reads:     vec("eventflow_cache_reads_total", "Answers by how they came about: hit, stale, miss, direct, failed.", "what", "result"),
		locks:     vec("eventflow_lock_total", "Locks asked for: ok, conflict, refused, unavailable, unknown.", "result"),
		published: vec("eventflow_publish_total", "Purchases given to the queue: accepted, unavailable, unknown.", "outcome"),
	}
}

// Read is cache.Options.Count.
func (c *Counters) Read(what string, r cache.Result) {
	c.reads.WithLabelValues(what, string(r)).Inc()
}

func (c *Counters) lock(err error) {
	result := "refused"
	switch {
	case err == nil:
		result = "ok"
	case errors.Is(err, ticket.ErrSeatTaken):
		result = "conflict"
	case errors.Is(err, ticket.ErrUnknown):
		result = "unknown"
	case errors.Is(err, ticket.ErrUnavailable):
		result = "unavailable"
	}
	c.locks.WithLabelValues(result).Inc()
}

func (c *Counters) publish(err error) {
	outcome := "unknown"
	switch {
	case err == nil:
		outcome = "accepted"
	case isCertain(err):
		outcome = "unavailable"
	}
	c.published.WithLabelValues(outcome).Inc()
}
