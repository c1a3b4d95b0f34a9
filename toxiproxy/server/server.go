// Package server is the HTTP API: that of stock Toxiproxy 2.12.0, call for call
// and field for field, and beside it leases, events, live links and metrics.
//
// It must not know what runs through the proxies, nor who starts it.
package server

import (
	"log/slog"
	"net/http"

	"eventflow/toxiproxy/event"
	"eventflow/toxiproxy/lease"
	"eventflow/toxiproxy/proxy"
	"eventflow/toxiproxy/toxics"
)

// Version is the stock server whose API this is.
const Version = "2.12.0"

// Server is one server's whole state. It is safe for use by several goroutines.
type Server struct {
	log     *slog.Logger
	dice    *toxics.Dice
	proxies *proxy.Collection
	leases  *lease.Book
	events  *event.Log
	metrics *metrics
	hosts   []string
}

// Config is what a server is told at its start.
type Config struct {
	Seed           int64    // of toxicity and jitter
	ProxyMetrics   bool     // the stock server's series, too
	RuntimeMetrics bool     // Go's and the process's, too
	Hosts          []string // names by which the API may be called, beside addresses and localhost
}

// New makes a server without a proxy.
func New(log *slog.Logger, c Config) *Server {
	s := &Server{log: log, dice: toxics.NewDice(c.Seed), proxies: proxy.NewCollection(), events: event.NewLog(), hosts: c.Hosts}
	s.leases = lease.NewBook(s.undo)
	s.metrics = newMetrics(s, c)
	return s
}

// Close stops every proxy.
func (s *Server) Close() {
	for _, p := range s.proxies.All() {
		_ = s.proxies.Remove(p.Name()) // somebody else did
	}
}

// maxBody bounds what a request may bring, in bytes.
const maxBody = 1 << 20

// Handler is the whole API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"POST /reset":                            s.reset,
		"GET /proxies":                           s.index,
		"POST /proxies":                          s.create,
		"POST /populate":                         s.populate,
		"GET /proxies/{proxy}":                   s.onProxy(s.show),
		"POST /proxies/{proxy}":                  s.onProxy(s.update),
		"PATCH /proxies/{proxy}":                 s.onProxy(s.update),
		"DELETE /proxies/{proxy}":                s.onProxy(s.remove),
		"GET /proxies/{proxy}/toxics":            s.onProxy(s.toxics),
		"POST /proxies/{proxy}/toxics":           s.onProxy(s.addToxic),
		"GET /proxies/{proxy}/toxics/{toxic}":    s.onProxy(s.toxic),
		"POST /proxies/{proxy}/toxics/{toxic}":   s.onProxy(s.updateToxic),
		"PATCH /proxies/{proxy}/toxics/{toxic}":  s.onProxy(s.updateToxic),
		"DELETE /proxies/{proxy}/toxics/{toxic}": s.onProxy(s.removeToxic),
		"GET /version":                           s.version,
		"GET /leases":                            s.listLeases,
		"POST /leases":                           s.openLease,
		"GET /leases/{lease}":                    s.showLease,
		"POST /leases/{lease}/renew":             s.renewLease,
		"DELETE /leases/{lease}":                 s.releaseLease,
		"GET /events":                            s.showEvents,
		"GET /links":                             s.links,
	} {
		mux.Handle(pattern, h)
	}
	mux.Handle("GET /metrics", s.metrics.handler())
	return s.guard(http.MaxBytesHandler(mux, maxBody))
}

func (s *Server) version(http.ResponseWriter, *http.Request) (any, error) {
	return map[string]string{"version": Version, "server": "eventflow"}, nil
}
