package proxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// conn is one client's connection and the one made for it.
type conn struct {
	proxy        *Proxy
	upstreamAddr string
	client       *net.TCPConn
	up, down     *lane

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	ending sync.Once
	ended  atomic.Int32 // directions that did

	mu       sync.Mutex
	upstream *net.TCPConn // nil while it is dialled
	over     bool
}

func newConn(p *Proxy, client *net.TCPConn) *conn {
	c := &conn{proxy: p, client: client}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.up = newLane(c, &p.traffic.Upstream)
	c.down = newLane(c, &p.traffic.Downstream)
	c.down.dst, c.up.src = client, client
	return c
}

// serve leads the client on. While requests are held it waits with the dial, as
// the client's own SYN would.
func (c *conn) serve() {
	if !c.up.untilReleased() {
		return
	}
	c.proxy.traffic.Dialing.Add(1)
	upstream, err := new(net.Dialer).DialContext(c.ctx, "tcp", c.upstreamAddr)
	c.proxy.traffic.Dialing.Add(-1)
	if err != nil {
		c.refuse(err)
		return
	}
	if !c.attach(upstream.(*net.TCPConn)) {
		_ = upstream.Close()
		return
	}
	go c.down.read()
	c.up.read()
}

// refuse ends a connection that leads nowhere, when the client may see it end.
func (c *conn) refuse(err error) {
	if c.ctx.Err() != nil {
		return
	}
	c.proxy.traffic.Refused.Add(1)
	c.proxy.log.Info("upstream cannot be reached", "err", err)
	if c.down.untilReleased() {
		c.close()
	}
}

// attach joins the two ends, unless the connection is over.
func (c *conn) attach(upstream *net.TCPConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.upstream = upstream
	c.up.attach(c.client, upstream)
	c.down.attach(upstream, c.client)
	return true
}

// upstreamLocal is the proxy's own end of the way to the upstream; empty while there
// is none.
func (c *conn) upstreamLocal() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.upstream == nil || c.over {
		return ""
	}
	return c.upstream.LocalAddr().String()
}

// laneEnded counts; a connection whose directions have both ended is over.
func (c *conn) laneEnded() {
	if c.ended.Add(1) == 2 {
		c.close()
	}
}

// close ends the connection: both sides read EOF. What was not sent is lost.
func (c *conn) close() { c.end(false) }

// abort ends it by a reset of both sides.
func (c *conn) abort() { c.end(true) }

// end must not be called with the proxy's mu held.
func (c *conn) end(reset bool) {
	c.ending.Do(func() {
		c.mu.Lock()
		c.over = true
		ends := []*net.TCPConn{c.client}
		if c.upstream != nil {
			ends = append(ends, c.upstream)
		}
		c.mu.Unlock()
		c.cancel()
		for _, e := range ends {
			if reset {
				_ = e.SetLinger(0) // fails only on a socket that is gone
			}
			_ = e.Close() // the same
		}
		c.proxy.forget(c)
	})
}

func (c *conn) resets() bool { return c.up.resets() || c.down.resets() }
