package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"eventflow/toxiproxy/proxy"
)

// metrics are what Prometheus is told. Everything per link is read at the moment
// of the scrape, so that it moves while connections are open.
type metrics struct {
	registry *prometheus.Registry
	ended    *prometheus.CounterVec // leases
	healed   *prometheus.CounterVec // faults
}

func newMetrics(s *Server, c Config) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toxiproxy_leases_ended_total", Help: "Leases that ended, and how."}, []string{"reason"}),
		healed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toxiproxy_lease_faults_healed_total", Help: "Faults healed by the server because their lease ended."}, []string{"reason"}),
	}
	m.registry.MustRegister(m.ended, m.healed, newLinkCollector(s))
	if c.ProxyMetrics {
		m.registry.MustRegister(stockCollector{s.proxies, stockDesc("received"), stockDesc("sent")})
	}
	if c.RuntimeMetrics {
		m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
			collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// linkCollector reads the links.
type linkCollector struct {
	server                               *Server
	bytes, open, total, refused, enabled *prometheus.Desc
	faults, fault, holders, leases       *prometheus.Desc
}

func newLinkCollector(s *Server) linkCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("toxiproxy_"+name, help, labels, nil)
	}
	return linkCollector{
		server:  s,
		bytes:   desc("link_bytes_total", "Bytes by direction and by what became of them: received, sent, lost.", "proxy", "direction", "fate"),
		open:    desc("link_open_connections", "Connections open now.", "proxy"),
		total:   desc("link_connections_total", "Connections taken.", "proxy"),
		refused: desc("link_unreachable_total", "Connections whose upstream could not be reached.", "proxy"),
		enabled: desc("link_enabled", "1 if the link takes connections.", "proxy"),
		faults:  desc("link_active_faults", "Faults in force.", "proxy"),
		fault:   desc("link_fault_active", "Faults in force, by kind and direction; no series means none.", "proxy", "kind", "stream"),
		holders: desc("link_leases", "Leases that do something to the link.", "proxy"),
		leases:  desc("leases", "Leases in force."),
	}
}

// Describe is prometheus.Collector's.
func (c linkCollector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect is prometheus.Collector's.
func (c linkCollector) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(c.leases, prometheus.GaugeValue, float64(len(c.server.leases.List())))
	for _, p := range c.server.proxies.All() {
		c.link(p, out)
	}
}

func (c linkCollector) link(p *proxy.Proxy, out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{p.Name()}, labels...)...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{p.Name()}, labels...)...)
	}
	u := p.Usage()
	for direction, b := range map[string]proxy.Bytes{"upstream": u.Up, "downstream": u.Down} {
		counter(c.bytes, b.Received, direction, "received")
		counter(c.bytes, b.Sent, direction, "sent")
		counter(c.bytes, b.Lost, direction, "lost")
	}
	gauge(c.open, float64(u.Open))
	counter(c.total, u.Total)
	counter(c.refused, u.Refused)
	gauge(c.enabled, map[bool]float64{true: 1}[p.View().Enabled])
	c.faultsOn(p, gauge)
}

func (c linkCollector) faultsOn(p *proxy.Proxy, gauge func(*prometheus.Desc, float64, ...string)) {
	type what struct{ kind, stream string }
	count, holders, sum := map[what]float64{}, map[string]bool{}, 0.0
	for _, f := range p.Faults() {
		if f.Lease != "" {
			holders[f.Lease] = true
		}
		if f.InForce {
			count[what{f.Kind, f.Stream}]++
			sum++
		}
	}
	gauge(c.faults, sum)
	gauge(c.holders, float64(len(holders)))
	for w, n := range count {
		gauge(c.fault, n, w.kind, w.stream)
	}
}

// stockCollector has the stock server's two series, with its labels.
type stockCollector struct {
	proxies        *proxy.Collection
	received, sent *prometheus.Desc
}

func stockDesc(what string) *prometheus.Desc {
	return prometheus.NewDesc("toxiproxy_proxy_"+what+"_bytes_total", "Bytes "+what+", as stock Toxiproxy counts them.",
		[]string{"direction", "proxy", "listener", "upstream"}, nil)
}

// Describe is prometheus.Collector's.
func (c stockCollector) Describe(out chan<- *prometheus.Desc) { out <- c.received; out <- c.sent }

// Collect is prometheus.Collector's.
func (c stockCollector) Collect(out chan<- prometheus.Metric) {
	for _, p := range c.proxies.All() {
		v, u := p.View(), p.Usage()
		for direction, b := range map[string]proxy.Bytes{"upstream": u.Up, "downstream": u.Down} {
			labels := []string{direction, v.Name, v.Listen, v.Upstream}
			out <- prometheus.MustNewConstMetric(c.received, prometheus.CounterValue, float64(b.Received), labels...)
			out <- prometheus.MustNewConstMetric(c.sent, prometheus.CounterValue, float64(b.Sent), labels...)
		}
	}
}
