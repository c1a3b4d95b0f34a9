package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard keeps browsers out. A page from elsewhere that is open on this host may
// send requests here: it names itself in Origin or Sec-Fetch-Site, and if it has
// led its own name to this address (DNS rebinding), the name is in Host.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := s.foreign(r); why != "" {
			write(w, http.StatusForbidden, &apiError{why, http.StatusForbidden})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign says why the request is not for this server, "" if it is.
func (s *Server) foreign(r *http.Request) string {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case strings.HasPrefix(r.UserAgent(), "Mozilla/"): // the stock server's own rule
		return "user agent not allowed"
	case !s.knows(r.Host):
		return "host not allowed: start the server with -allow-host to allow it"
	case origin != "" && origin != "http://"+r.Host:
		return "origin not allowed"
	case site != "" && site != "same-origin" && site != "none":
		return "cross-site request not allowed"
	}
	return ""
}

// knows says whether the Host header is an address, which nobody can rebind, or a
// name that was allowed.
func (s *Server) knows(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.EqualFold(host, "localhost") || slices.ContainsFunc(s.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}
