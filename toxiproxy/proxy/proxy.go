// Package proxy is the data plane: proxies, the connections through them, and the
// toxics that are on each direction.
//
// One rule makes every fault healable at once: no call of this package waits for a
// connection. A change of toxics swaps a plan and leaves a note; each connection
// finds the note by itself, whatever its client or its upstream does. A dial that
// hangs, a reader that stopped reading and a process that was paused hold up
// nobody but themselves.
//
// It must not know HTTP, nor what a lease is beyond its name.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"eventflow/toxiproxy/toxics"
)

// What a change can be refused for. The texts are the stock server's where it has one.
var (
	ErrNotFound      = errors.New("proxy not found")
	ErrExists        = errors.New("proxy already exists")
	ErrToxicNotFound = errors.New("toxic not found")
	ErrToxicExists   = errors.New("toxic already exists")
	ErrToxicType     = errors.New("invalid toxic type")
	ErrStream        = errors.New("stream was invalid, can be either upstream or downstream")
	ErrNotYours      = errors.New("the fault is not this lease's")
	ErrTooMany       = errors.New("too many")
)

// Proxy is one link: a listener, where it leads, and what is done to the bytes. It
// is safe for use by several goroutines.
type Proxy struct {
	name string
	log  *slog.Logger
	dice *toxics.Dice

	changing sync.Mutex // held by whoever starts or stops the listener

	mu       sync.Mutex // never held while anything can wait
	asked    string     // where it was told to listen
	listen   string     // where it does or did
	upstream string
	wanted   bool     // enabled, as far as nobody's lease says otherwise
	downBy   []string // the leases that hold it disabled
	live     *listening
	toxics   []*layered
	serial   uint64 // of the last toxic
	plans    [2]*plan
	conns    map[*conn]struct{}

	traffic Traffic
}

// listening is one life of the listener.
type listening struct {
	net.Listener
	stop chan struct{}
	done chan struct{}
}

// View is a proxy as the API shows it.
type View struct {
	Name     string   `json:"name"`
	Listen   string   `json:"listen"`
	Upstream string   `json:"upstream"`
	Enabled  bool     `json:"enabled"`
	DownBy   []string `json:"down_by,omitempty"` // leases that hold it disabled
	Toxics   []Toxic  `json:"toxics"`
}

// New makes a proxy that does not listen yet.
func New(log *slog.Logger, dice *toxics.Dice, name, listen, upstream string) *Proxy {
	none := &plan{}
	return &Proxy{
		name: name, asked: listen, listen: listen, upstream: upstream,
		log: log.With("proxy", name), dice: dice,
		plans: [2]*plan{none, none}, conns: map[*conn]struct{}{},
	}
}

// Name never changes.
func (p *Proxy) Name() string { return p.name }

// View is the state now. It never waits.
func (p *Proxy) View() View {
	p.mu.Lock()
	defer p.mu.Unlock()
	return View{
		Name: p.name, Listen: p.listen, Upstream: p.upstream,
		Enabled: p.live != nil, DownBy: slices.Clone(p.downBy), Toxics: p.shown(),
	}
}

// SetEnabled starts or stops the proxy in the name of a lease.
//
// Without a lease ("") it is the last word: whatever leases hold the proxy down is
// over. With one, disabling lasts until the lease ends, and enabling takes back
// only what this lease did.
func (p *Proxy) SetEnabled(lease string, enabled bool) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	if lease == "" {
		return p.decide(enabled)
	}
	if !enabled {
		return p.hold(lease)
	}
	return p.release(lease)
}

// decide is the word of nobody's lease.
func (p *Proxy) decide(enabled bool) error {
	p.mu.Lock()
	p.wanted, p.downBy = enabled, nil
	p.mu.Unlock()
	err := p.settle()
	if err != nil {
		p.mu.Lock()
		p.wanted = false
		p.mu.Unlock()
	}
	return err
}

func (p *Proxy) hold(lease string) error {
	p.mu.Lock()
	if !slices.Contains(p.downBy, lease) {
		p.downBy = append(p.downBy, lease)
	}
	p.mu.Unlock()
	return p.settle()
}

func (p *Proxy) release(lease string) error {
	if err := p.giveUp(lease); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.live != nil:
		return nil
	case len(p.downBy) > 0:
		return fmt.Errorf("%w: lease %s holds the proxy disabled", ErrNotYours, p.downBy[0])
	}
	return fmt.Errorf("%w: the proxy was disabled without a lease", ErrNotYours)
}

// giveUp ends the lease's hold on the proxy. If the proxy cannot be started the
// hold stays, so that it can be tried again.
func (p *Proxy) giveUp(lease string) error {
	p.mu.Lock()
	held := slices.Contains(p.downBy, lease)
	p.downBy = slices.DeleteFunc(p.downBy, func(l string) bool { return l == lease })
	p.mu.Unlock()
	if !held {
		return nil
	}
	err := p.settle()
	if err != nil {
		p.mu.Lock()
		p.downBy = append(p.downBy, lease)
		p.mu.Unlock()
	}
	return err
}

// settle makes the listener what was decided. The caller holds changing.
func (p *Proxy) settle() error {
	p.mu.Lock()
	up, live, listen := p.wanted && len(p.downBy) == 0, p.live, p.listen
	p.mu.Unlock()
	switch {
	case up && live == nil:
		return p.start(listen)
	case !up && live != nil:
		p.stop(live)
	}
	return nil
}

// resolving bounds the look-up of a listener's host name.
const resolving = time.Second

func (p *Proxy) start(listen string) error {
	ctx, cancel := context.WithTimeout(context.Background(), resolving)
	defer cancel()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("start proxy %s: %w", p.name, err)
	}
	live := &listening{Listener: l, stop: make(chan struct{}), done: make(chan struct{})}
	p.mu.Lock()
	p.live, p.listen = live, l.Addr().String()
	p.mu.Unlock()
	go p.accept(live)
	p.log.Info("proxy started", "listen", l.Addr().String())
	return nil
}

// stop ends the listener and every connection. It waits for the accept loop, which
// itself waits for nothing, so that the port is free when stop returns.
func (p *Proxy) stop(live *listening) {
	p.mu.Lock()
	p.live = nil
	open := p.connections()
	p.mu.Unlock()
	close(live.stop)
	_ = live.Close() // it can only say that it was closed
	for _, c := range open {
		c.close()
	}
	<-live.done
	p.log.Info("proxy stopped", "connections", len(open))
}

// UpstreamLocal are the addresses by which the upstream knows the proxy's open
// connections: a client of its that has another came by another way.
func (p *Proxy) UpstreamLocal() []string {
	p.mu.Lock()
	open := p.connections()
	p.mu.Unlock()
	out := make([]string, 0, len(open))
	for _, c := range open {
		if addr := c.upstreamLocal(); addr != "" {
			out = append(out, addr)
		}
	}
	slices.Sort(out)
	return out
}

// connections are the open ones. The caller holds mu.
func (p *Proxy) connections() []*conn {
	out := make([]*conn, 0, len(p.conns))
	for c := range p.conns {
		out = append(out, c)
	}
	return out
}

// Redirect changes where the proxy listens and leads, if they differ from what
// they are. Its connections end.
func (p *Proxy) Redirect(listen, upstream string) error {
	differs, err := p.Differs(listen, upstream)
	if err != nil || !differs {
		return err
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	p.mu.Lock()
	live := p.live
	p.mu.Unlock()
	if live != nil {
		p.stop(live)
	}
	p.mu.Lock()
	p.asked, p.listen, p.upstream = listen, listen, upstream
	p.mu.Unlock()
	return p.settle()
}

// Differs says whether the proxy listens or leads elsewhere.
func (p *Proxy) Differs(listen, upstream string) (bool, error) {
	p.mu.Lock()
	is, asked, leads := p.listen, p.asked, p.upstream
	p.mu.Unlock()
	if listen == is || listen == asked {
		return upstream != leads, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolving)
	defer cancel()
	addr, err := resolve(ctx, listen)
	if err != nil {
		return false, fmt.Errorf("listen address %q: %w", listen, err)
	}
	return addr != is || upstream != leads, nil
}

// resolve is net.ResolveTCPAddr with an end.
func resolve(ctx context.Context, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	n, err := new(net.Resolver).LookupPort(ctx, "tcp", port)
	if err != nil || host == "" {
		return (&net.TCPAddr{Port: n}).String(), err
	}
	ips, err := new(net.Resolver).LookupIPAddr(ctx, host)
	if err != nil {
		return "", err
	}
	first := ips[0]
	for _, ip := range ips {
		if ip.IP.To4() != nil { // as net.Listen would choose
			first = ip
			break
		}
	}
	return (&net.TCPAddr{IP: first.IP, Zone: first.Zone, Port: n}).String(), nil
}
