package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"eventflow/toxiproxy/topology"
)

// Injector breaks and heals the links of one stack through its proxy server. It
// is safe for use by several goroutines: changes take turns, and of two
// overlapping faults on a link the later wins on all its links.
type Injector struct {
	api      *server
	links    topology.Map
	addr     func(topology.Link) string
	patience time.Duration
	restart  func(context.Context) error
	refused  error // the guard's, returned by everything that would change a link
	owner    string
	lease    *keeper // nil: faults are put in force in nobody's name

	turn chan struct{} // holds one token: whoever changes links has it

	mu      sync.Mutex
	kind    *bool                  // whether the server is ours, nil until it was asked
	flaps   map[string]*flapper    // per link
	known   map[string]remoteProxy // where each proxy listens and leads, to rebuild it
	changes map[string]int         // per link, to notice that a probe was overtaken
}

// DefaultPatience is how long a probe waits before it calls a link silent, and
// how long Heal lets an upstream come back. A whole link answers in under a
// millisecond on an idle host; the rest is room for a busy one.
const DefaultPatience = time.Second

// New makes the injector of the stack whose proxy server's API is at api
// ("http://127.0.0.1:8474"). addr says where a link's proxy can be probed from
// here.
//
// An API on another host than this one is refused: faults are for stacks of
// one's own. Every method that changes a link then returns the refusal. See
// AllowHost.
func New(api string, m topology.Map, addr func(topology.Link) string, opts ...Option) *Injector {
	i := &Injector{
		api:      newServer(strings.TrimRight(api, "/")),
		links:    m,
		addr:     addr,
		patience: DefaultPatience,
		turn:     make(chan struct{}, 1),
		known:    map[string]remoteProxy{},
		changes:  map[string]int{},
		flaps:    map[string]*flapper{},
		owner:    fmt.Sprintf("process %d", os.Getpid()),
	}
	s := settings{}
	for _, o := range opts {
		o(i, &s)
	}
	i.refused = guard(api, s.hosts)
	return i
}

// Option changes an injector in the making.
type Option func(*Injector, *settings)

type settings struct{ hosts []string }

// AllowHost permits an API on a host that is not loopback: "toxiproxy" inside a
// compose network.
func AllowHost(hosts ...string) Option {
	return func(_ *Injector, s *settings) { s.hosts = append(s.hosts, hosts...) }
}

// Plan names the proxies that ought to exist, so that Prepare and Heal can create
// those that do not. Without it the injector knows only proxies it has seen.
func Plan(proxies []topology.ProxyConfig) Option {
	return func(i *Injector, _ *settings) {
		for _, p := range proxies {
			i.known[p.Name] = remoteProxy{Name: p.Name, Listen: p.Listen, Upstream: p.Upstream, planned: true}
		}
	}
}

// Patience replaces DefaultPatience.
func Patience(d time.Duration) Option { return func(i *Injector, _ *settings) { i.patience = d } }

// Restart gives Heal its last rung: start the proxy server anew and return when
// its API answers. Every fault of the stack is gone with the old server.
func Restart(f func(context.Context) error) Option {
	return func(i *Injector, _ *settings) { i.restart = f }
}

// Lease binds every fault of Apply to one lease, which the injector opens with the
// first and renews at a third of ttl until Close. When the process dies, or sleeps
// for longer than ttl, the server heals them by itself. The stock server has no
// leases: with this option Apply fails there with ErrStock.
//
// ttl is 100ms to 24h. A short one wants a process that is never paused as long.
func Lease(owner string, ttl time.Duration) Option {
	return func(i *Injector, _ *settings) {
		i.owner = owner
		i.lease = newKeeper(i.api, owner, ttl)
	}
}

// Owner names whoever ApplyFor is for, in GET /leases and in events; without it, and
// without Lease, that is "process 1234".
func Owner(name string) Option { return func(i *Injector, _ *settings) { i.owner = name } }

// guard lets through this host and what was allowed by name.
func guard(api string, allowed []string) error {
	u, err := url.Parse(api)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("proxy server %q: want http://host:port", api)
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() || slices.Contains(allowed, host) {
		return nil
	}
	return fmt.Errorf("proxy server %q is not on this host, and %q was not allowed by name: refusing to break links there", api, host)
}

// Prepare makes every link of the map present and whole, with its neutral latency
// toxics in place. Links that are so already are not touched.
func (i *Injector) Prepare(ctx context.Context) error {
	if _, err := i.changeAll(ctx, i.links.Links, state{kind: whole}); err != nil {
		return fmt.Errorf("prepare the links: %w", err)
	}
	return nil
}

// Dismantle takes the map's proxies away from the server, with all that is done to
// them. It is for links that were made for a purpose that is over.
func (i *Injector) Dismantle(ctx context.Context) error {
	if i.refused != nil {
		return i.refused
	}
	release, err := i.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer release()
	errs := inParallel(i.links.Links, func(_ int, l topology.Link) error {
		i.noteChange(l)
		return i.retire(ctx, l.Name())
	})
	if err := joined(i.links.Links, i.blame(ctx, errs)); err != nil {
		return fmt.Errorf("dismantle the links: %w", err)
	}
	return nil
}

// changeAll brings the links into the wanted state, all at once and nobody else
// meanwhile. It returns the proxies as read back, in the order of the links.
func (i *Injector) changeAll(ctx context.Context, links []topology.Link, want state) ([]remoteProxy, error) {
	if i.refused != nil {
		return nil, i.refused
	}
	release, err := i.takeTurn(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	proxies := make([]remoteProxy, len(links))
	errs := inParallel(links, func(n int, l topology.Link) error {
		i.noteChange(l)
		p, err := i.reach(ctx, l, want)
		proxies[n] = p
		return err
	})
	if err := joined(links, i.blame(ctx, errs)); err != nil {
		return proxies, err
	}
	if want.kind == KindFlap {
		i.startFlaps(links, want)
	}
	return proxies, nil
}

func (i *Injector) takeTurn(ctx context.Context) (release func(), err error) {
	select {
	case i.turn <- struct{}{}:
		return func() { <-i.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another change to end: %w", context.Cause(ctx))
	}
}

// look asks the server for the link's proxy and remembers where it listens and
// leads. A proxy that is not there is described from memory or from the plan.
func (i *Injector) look(ctx context.Context, l topology.Link) (remoteProxy, error) {
	p, err := i.api.show(ctx, l.Name())
	i.mu.Lock()
	defer i.mu.Unlock()
	known := i.known[l.Name()]
	switch {
	case isMissing(err):
		known.absent = true
		return known, nil
	case err != nil:
		return known, err
	case known.planned:
		p.astray = p.Upstream != known.Upstream || port(p.Listen) != port(known.Listen)
		p.Listen, p.Upstream = known.Listen, known.Upstream
	default:
		i.known[l.Name()] = remoteProxy{Name: p.Name, Listen: p.Listen, Upstream: p.Upstream}
	}
	return p, nil
}

// port is what can be compared of two ways to write a listener: the server writes
// 0.0.0.0 as [::].
func port(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return port
}

// noteChange is called before a link is changed: whoever probes it finds out, and a
// flap on it is over.
func (i *Injector) noteChange(l topology.Link) {
	i.mu.Lock()
	i.changes[l.Name()]++
	flap := i.flaps[l.Name()]
	delete(i.flaps, l.Name())
	i.mu.Unlock()
	if flap != nil {
		flap.stop()
	}
}

func (i *Injector) changeCount(l topology.Link) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.changes[l.Name()]
}

// inParallel does the work for every link at once and keeps each one's error.
func inParallel(links []topology.Link, work func(int, topology.Link) error) []error {
	errs := make([]error, len(links))
	var wg sync.WaitGroup
	for n, l := range links {
		wg.Go(func() { errs[n] = work(n, l) })
	}
	wg.Wait()
	return errs
}

// joined is one error that names each failed link, nil if none failed. When the
// server itself is down there is no need to.
func joined(links []topology.Link, errs []error) error {
	var out []error
	if n := slices.IndexFunc(errs, func(err error) bool { return errors.Is(err, ErrServerDown) }); n >= 0 {
		return errs[n]
	}
	for n, err := range errs {
		if err != nil {
			out = append(out, fmt.Errorf("%s: %w", links[n], err))
		}
	}
	return errors.Join(out...)
}
