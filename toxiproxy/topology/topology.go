// Package topology is the map of the network under test: every service, every
// link between two of them, and every port, each written down once.
//
// It is plain data. It opens no connection, reads no file, and does not know
// what the services do: to this package a ticket shop and a weather station
// look alike.
package topology

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Name identifies a service. Use the constants of the map at hand: a mistyped
// constant does not compile, a mistyped string does.
type Name string

// Role says what part a service plays, so that a picture can place it.
type Role string

// The roles of a map, from the edge inwards.
const (
	Edge     Role = "edge"     // takes requests from outside
	Node     Role = "node"     // one of several that do the same work
	Worker   Role = "worker"   // works without being asked by a client
	Store    Role = "store"    // keeps state
	Observer Role = "observer" // looks on; never behind a proxy
	Proxy    Role = "proxy"    // carries the links
)

// Protocol is what a service speaks on its main port, and so what a round trip
// through a link to it has to say.
type Protocol string

// The protocols a link can be probed with.
const (
	HTTP     Protocol = "http"
	Redis    Protocol = "redis"
	AMQP     Protocol = "amqp"
	Postgres Protocol = "postgres"
)

// BlockSize is how many consecutive ports one stack may take.
const BlockSize = 100

// ephemeralFirst is where Linux's default range of ephemeral ports begins
// (net.ipv4.ip_local_port_range). A listener at or above it can lose its port to
// an outgoing connection while its link is cut.
const ephemeralFirst = 32768

// Service is one program of the system.
type Service struct {
	Name     Name
	Role     Role
	Protocol Protocol
	Port     int    // conventional port: where it listens inside a container of its own
	Offset   int    // main port's place in a native stack's block of ports
	Public   int    // port that people type in a browser or a client, 0 if none
	Extra    []Port // further listeners: management, metrics
}

// Port is a further listener of a service.
type Port struct {
	Name   string // "management", "metrics"
	Port   int    // conventional port
	Offset int    // place in the block
}

// Link is one client's way to one dependency, carried by a proxy of its own.
type Link struct {
	From, To Name
	Offset   int // the proxy's place in the block
}

// Name is the link's name and its proxy's: "app-1_postgres".
func (l Link) Name() string { return string(l.From) + "_" + string(l.To) }

// String is Name, so that a link prints as people write it.
func (l Link) String() string { return l.Name() }

// Env is the variable that tells the client where the dependency is: for every
// link to postgres it is POSTGRES_ADDR, for app-1 it is APP_1_ADDR.
func (l Link) Env() string {
	return strings.ToUpper(strings.ReplaceAll(string(l.To), "-", "_")) + "_ADDR"
}

// Map is a whole system: who is there and who talks to whom.
type Map struct {
	Services []Service
	Links    []Link
}

// Service returns the service of that name.
func (m Map) Service(n Name) (Service, bool) {
	for _, s := range m.Services {
		if s.Name == n {
			return s, true
		}
	}
	return Service{}, false
}

// Link returns the link of that name, as Link.Name writes it.
func (m Map) Link(name string) (Link, bool) {
	for _, l := range m.Links {
		if l.Name() == name {
			return l, true
		}
	}
	return Link{}, false
}

// LinksTo returns every link that ends at one of the services.
func (m Map) LinksTo(names ...Name) []Link {
	return m.filter(func(l Link) bool { return has(names, l.To) })
}

// LinksFrom returns every link that starts at one of the services.
func (m Map) LinksFrom(names ...Name) []Link {
	return m.filter(func(l Link) bool { return has(names, l.From) })
}

// Between returns the links from one service to another: one or none.
func (m Map) Between(from, to Name) []Link {
	return m.filter(func(l Link) bool { return l.From == from && l.To == to })
}

// Select returns the links that the patterns name, each once, in map order. A
// pattern is a link's name ("app-2_redis"), a service's name (every link that
// ends there), a glob over link names ("app-*_redis"), or "all".
func (m Map) Select(patterns ...string) ([]Link, error) {
	chosen := map[string]bool{}
	for _, p := range patterns {
		found, err := m.match(p)
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			chosen[l.Name()] = true
		}
	}
	return m.filter(func(l Link) bool { return chosen[l.Name()] }), nil
}

func (m Map) match(pattern string) ([]Link, error) {
	if pattern == "all" {
		return m.Links, nil
	}
	if _, ok := m.Service(Name(pattern)); ok {
		if links := m.LinksTo(Name(pattern)); len(links) > 0 {
			return links, nil
		}
		return nil, fmt.Errorf("no link ends at %q; the links are %s", pattern, m.linkNames())
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	found := m.filter(func(l Link) bool { ok, _ := path.Match(pattern, l.Name()); return ok })
	if len(found) == 0 {
		return nil, fmt.Errorf("no link is called %q; the links are %s", pattern, m.linkNames())
	}
	return found, nil
}

func (m Map) linkNames() string {
	names := make([]string, len(m.Links))
	for i, l := range m.Links {
		names[i] = l.Name()
	}
	return strings.Join(names, ", ")
}

func (m Map) filter(keep func(Link) bool) []Link {
	var out []Link
	for _, l := range m.Links {
		if keep(l) {
			out = append(out, l)
		}
	}
	return out
}

func has(names []Name, n Name) bool {
	for _, x := range names {
		if x == n {
			return true
		}
	}
	return false
}

// Validate reports every way in which the map contradicts itself: a link from or
// to nobody, two listeners on one port, a listener outside the block.
func (m Map) Validate() error {
	var errs []error
	offsets, names := map[int]string{}, map[string]bool{}
	claim := func(owner string, offset int) {
		if offset < 0 || offset >= BlockSize {
			errs = append(errs, fmt.Errorf("%s: offset %d is outside the block of %d ports", owner, offset, BlockSize))
		}
		if other, taken := offsets[offset]; taken {
			errs = append(errs, fmt.Errorf("%s: offset %d belongs to %s", owner, offset, other))
		}
		offsets[offset] = owner
	}
	unique := func(name string) {
		if names[name] {
			errs = append(errs, fmt.Errorf("%s is in the map twice", name))
		}
		names[name] = true
	}
	for _, s := range m.Services {
		unique(string(s.Name))
		claim(string(s.Name), s.Offset)
		for _, p := range s.Extra {
			claim(string(s.Name)+" "+p.Name, p.Offset)
		}
	}
	for _, l := range m.Links {
		unique(l.Name())
		claim(l.Name(), l.Offset)
		for _, end := range []Name{l.From, l.To} {
			if _, ok := m.Service(end); !ok {
				errs = append(errs, fmt.Errorf("link %s: no service %q", l, end))
			}
		}
	}
	return errors.Join(errs...)
}

// Block is a range of ports that one stack on this host has to itself.
type Block struct {
	Base   int  // first port; Base+BlockSize-1 is the last
	Public bool // services with a Public port listen there instead
}

// Validate refuses a block that reaches into privileged or ephemeral ports.
func (b Block) Validate() error {
	if b.Base < 1024 || b.Base+BlockSize > ephemeralFirst {
		return fmt.Errorf("ports %d to %d: a block must lie between 1024 and %d, below the range that outgoing connections are given",
			b.Base, b.Base+BlockSize-1, ephemeralFirst-1)
	}
	return nil
}

// Of is the service's main port in this block.
func (b Block) Of(s Service) int {
	if b.Public && s.Public != 0 {
		return s.Public
	}
	return b.Base + s.Offset
}

// Extra is the port of the service's further listener of that name, 0 if it has
// none.
func (b Block) Extra(s Service, name string) int {
	for _, p := range s.Extra {
		if p.Name == name {
			return b.Base + p.Offset
		}
	}
	return 0
}

// Link is the port on which the link's proxy listens.
func (b Block) Link(l Link) int { return b.Base + l.Offset }
