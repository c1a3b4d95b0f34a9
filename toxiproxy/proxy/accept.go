package proxy

import (
	"net"
	"time"
)

// accept takes connections until the listener is closed. It does nothing else: the
// dial is the connection's own business.
func (p *Proxy) accept(live *listening) {
	defer close(live.done)
	pause := time.Duration(0)
	for {
		client, err := live.Accept()
		if err == nil {
			pause = 0
			p.admit(live, client.(*net.TCPConn))
			continue
		}
		pause = min(time.Second, max(5*time.Millisecond, 2*pause))
		select {
		case <-live.stop:
			return
		case <-time.After(pause): // out of file descriptors, most likely
			p.log.Warn("cannot accept", "err", err)
		}
	}
}

// admit makes the client a connection, unless the proxy was stopped meanwhile.
func (p *Proxy) admit(live *listening, client *net.TCPConn) {
	c := newConn(p, client)
	p.mu.Lock()
	current := p.live == live
	if current {
		p.conns[c] = struct{}{}
		c.upstreamAddr = p.upstream
		c.up.plan, c.down.plan = p.plans[Upstream], p.plans[Downstream]
	}
	p.mu.Unlock()
	p.traffic.Total.Add(1)
	switch {
	case !current:
		c.close()
	case c.resets():
		c.abort()
	default:
		go c.serve()
	}
}

func (p *Proxy) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}
