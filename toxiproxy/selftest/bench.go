package selftest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/fault/wire"
	"eventflow/toxiproxy/topology"
)

// bench is the links of a self-test: one per protocol and kind of connection, so
// that what arrives behind each is one client's.
type bench struct {
	*fault.Injector
	patience time.Duration
	cells    []*cell
	port     int // the last one taken; where self-tests begin that run at once, ranges do not overlap
}

// cell is one link with its client and what is seen behind it.
type cell struct {
	protocol   topology.Protocol
	connection string
	link       topology.Link
	addr       string
	talk       wire.Talk
	tap        *tap
	patience   time.Duration
	client     *client   // of the fault that is being played
	healed     time.Time // when its heal began
}

func openBench(ctx context.Context, c Config) (_ *bench, err error) {
	b := &bench{patience: c.Patience, port: firstPort + 16*os.Getpid()%4000}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if err := b.makeCells(c); err != nil {
		return nil, err
	}
	m, plan := b.network()
	addr := func(l topology.Link) string { return plan[slices.IndexFunc(plan, named(l))].Listen }
	b.Injector = fault.New(c.Toxiproxy, m, addr, fault.Plan(plan), fault.Patience(2*c.Patience),
		fault.Lease(fmt.Sprintf("self-test %d", os.Getpid()), leaseTTL))
	if err := b.Prepare(ctx); err != nil {
		return nil, err
	}
	return b, b.check(ctx)
}

func named(l topology.Link) func(topology.ProxyConfig) bool {
	return func(p topology.ProxyConfig) bool { return p.Name == l.Name() }
}

func (b *bench) makeCells(c Config) error {
	for _, protocol := range []topology.Protocol{topology.Redis, topology.Postgres, topology.AMQP, topology.HTTP} {
		server, wanted := c.Servers[protocol]
		if !wanted {
			continue
		}
		for _, connection := range []string{New, Pooled} {
			if err := b.makeCell(protocol, connection, server); err != nil {
				return fmt.Errorf("%s, %s connection: %w", protocol, connection, err)
			}
		}
	}
	if len(b.cells) == 0 {
		return errors.New("no server to test with")
	}
	return nil
}

func (b *bench) makeCell(protocol topology.Protocol, connection, server string) error {
	talk, _ := wire.Of(protocol)
	tap, err := openTap(server)
	if err != nil {
		return err
	}
	cell := &cell{protocol: protocol, connection: connection, talk: talk, tap: tap, patience: b.patience}
	b.cells = append(b.cells, cell)
	cell.addr, err = b.freeAddr()
	return err
}

// network is the map of the cells' links, whose names are nobody else's.
func (b *bench) network() (topology.Map, []topology.ProxyConfig) {
	from := topology.Name(fmt.Sprintf("selftest-%d", os.Getpid()))
	m := topology.Map{Services: []topology.Service{{Name: from}}}
	var plan []topology.ProxyConfig
	for _, c := range b.cells {
		to := topology.Name(string(c.protocol) + "-" + c.connection)
		c.link = topology.Link{From: from, To: to}
		m.Services = append(m.Services, topology.Service{Name: to, Protocol: c.protocol})
		m.Links = append(m.Links, c.link)
		plan = append(plan, topology.ProxyConfig{Name: c.link.Name(), Listen: c.addr, Upstream: c.tap.Addr().String(), Enabled: true})
	}
	return m, plan
}

// check finds a server that is not there before any fault is blamed.
func (b *bench) check(ctx context.Context) error {
	return b.each(func(c *cell) error {
		if f := c.fresh(ctx); f.outcome != answered {
			return fmt.Errorf("the %s server at %s, through a whole link: %s", c.protocol, c.tap.server, f)
		}
		return nil
	})
}

// fresh is one exchange on a connection of its own.
func (c *cell) fresh(ctx context.Context) felt {
	client := connect(ctx, c.addr)
	defer client.close()
	return client.exchange(c.talk.Long, dialDeadline)
}

// each does the work on all cells at once.
func (b *bench) each(work func(*cell) error) error {
	errs := make([]error, len(b.cells))
	var wg sync.WaitGroup
	for n, c := range b.cells {
		wg.Go(func() { errs[n] = work(c) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// closing is how long the links may take to be taken away.
const closing = 5 * time.Second

// close ends every fault and takes the links away. It has its own time: the run's
// may be over.
func (b *bench) close() error {
	var errs []error
	if b.Injector != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		errs = append(errs, b.Close(), b.Dismantle(ctx))
	}
	for _, c := range b.cells {
		c.hangUp()
		c.tap.close()
	}
	return errors.Join(errs...)
}

func (c *cell) hangUp() {
	if c.client != nil {
		c.client.close()
	}
}

// The ports on which links are made: below those that outgoing connections are
// given, which would take a cut link's, and below the blocks that stacks take.
const firstPort, lastPort = 12000, 17000

// freeAddr is the next loopback address on which nobody listens.
func (b *bench) freeAddr() (string, error) {
	last := errors.New("all of them taken by this self-test")
	for b.port < lastPort {
		b.port++
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
		last = err
	}
	return "", fmt.Errorf("no free port up to %d: %w", lastPort, last)
}
