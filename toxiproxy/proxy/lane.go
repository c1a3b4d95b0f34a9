package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"eventflow/toxiproxy/toxics"
)

// lane is one direction of a connection. While it has no toxics and nothing is
// waiting, what is read is written by the goroutine that read it; that is the
// whole cost of a link without a fault. Otherwise what is read is queued, and a
// second goroutine, the drainer, sends it as the toxics say.
type lane struct {
	conn  *conn
	flow  *Flow
	wake  chan struct{} // tells the drainer to look again
	room  chan struct{} // tells the reader to look again
	drain *drainer

	mu       sync.Mutex // never held while anything can wait
	src, dst *net.TCPConn
	attached bool
	plan     *plan
	queue    queue
	drawn    map[uint64]float64 // per toxic, whether it is on this connection
	draining bool
	dead     bool // dst takes no more: what is read is thrown away
}

// readSize is how much is read at once.
const readSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}

func newLane(c *conn, flow *Flow) *lane {
	l := &lane{conn: c, flow: flow, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	l.drain = newDrainer(l)
	return l
}

func (l *lane) attach(src, dst *net.TCPConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.src, l.dst, l.attached = src, dst, true
	if !l.plan.clear() {
		l.startDraining()
	}
}

// setPlan is how a change of toxics reaches the connection. It does not wait. A
// write under way is interrupted, so that what it could not send is under the new
// plan.
func (l *lane) setPlan(p *plan) {
	l.mu.Lock()
	l.plan = p
	if l.attached {
		_ = l.dst.SetWriteDeadline(time.Unix(1, 0)) // fails only on a socket that is gone
		if !p.clear() {
			l.startDraining()
		}
	}
	l.mu.Unlock()
	signal(l.wake)
	signal(l.room)
}

// startDraining starts the drainer once. The caller holds mu.
func (l *lane) startDraining() {
	if !l.draining {
		l.draining = true
		go l.drain.run()
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting there already
	}
}

// read moves bytes from the source until it ends.
func (l *lane) read() {
	buf := buffers.Get().(*[readSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := l.src.Read(buf[:])
		l.flow.Received.Add(int64(n))
		if n > 0 && !l.take(buf[:n], toxics.None) {
			return
		}
		if err != nil {
			l.take(nil, endOf(err))
			return
		}
	}
}

// endOf is what a failed read means. A source that was reset has no use for
// answers, but what it sent before goes on.
func endOf(err error) toxics.End {
	if errors.Is(err, io.EOF) {
		return toxics.Finish
	}
	return toxics.Close
}

// take passes the bytes on or queues them, and says whether to go on reading. It
// waits while the queue is full: that is the back-pressure.
func (l *lane) take(data []byte, after toxics.End) bool {
	for {
		l.mu.Lock()
		switch {
		case l.dead:
			l.mu.Unlock()
			return after == toxics.None
		case l.plan.clear() && l.queue.empty():
			l.mu.Unlock()
			return l.pass(data, after)
		case !l.plan.clear() && l.queue.cost < l.plan.buffer:
			l.push(data, after)
			l.mu.Unlock()
			return after == toxics.None
		}
		l.mu.Unlock()
		select {
		case <-l.room:
		case <-l.conn.ctx.Done():
			return false
		}
	}
}

// push copies the bytes into the queue. The caller holds mu.
func (l *lane) push(data []byte, after toxics.End) {
	l.queue.push(data, after)
	l.startDraining()
	signal(l.wake)
}

// pass is the way without toxics.
func (l *lane) pass(data []byte, after toxics.End) bool {
	n, err := l.write(data)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.mu.Lock()
		l.push(data[n:], after)
		l.mu.Unlock()
		return after == toxics.None
	case err != nil:
		l.die()
		return after == toxics.None
	case after != toxics.None:
		l.finish(after)
		return false
	}
	return true
}

// write sends. os.ErrDeadlineExceeded means that the toxics changed meanwhile.
func (l *lane) write(data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	n, err := l.dst.Write(data)
	l.flow.Sent.Add(int64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = l.dst.SetWriteDeadline(time.Time{}) // the next write would say so
	}
	return n, err
}

// die is for a destination that takes no more. The other direction may still have
// bytes on their way: the connection ends with that one.
func (l *lane) die() {
	l.mu.Lock()
	already := l.dead
	l.dead = true
	l.queue = queue{}
	l.mu.Unlock()
	signal(l.room)
	if !already {
		l.conn.laneEnded()
	}
}

// finish ends the direction, or with it the connection.
func (l *lane) finish(how toxics.End) {
	switch how {
	case toxics.Finish:
		_ = l.dst.CloseWrite() // fails only on a socket that is gone
		l.die()
	case toxics.Close:
		l.conn.close()
	case toxics.Abort:
		l.conn.abort()
	}
}

// affected says whether the toxic is on this connection: drawn once. The caller holds mu.
func (l *lane) affected(t *active) bool {
	if t.toxicity >= 1 {
		return true
	}
	if _, known := l.drawn[t.id]; !known {
		if l.drawn == nil {
			l.drawn = map[uint64]float64{}
		}
		l.drawn[t.id] = l.conn.proxy.dice.Float()
	}
	return l.drawn[t.id] < float64(t.toxicity)
}

func (l *lane) any(is func(toxics.Toxic) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.plan.toxics {
		if is(t.toxic) && l.affected(t) {
			return true
		}
	}
	return false
}

func (l *lane) resets() bool { return l.any(toxics.Resets) }

func (l *lane) isUnder(t *active) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.affected(t)
}

// untilReleased waits, before the lane carries anything, until nothing holds it.
// It returns false if the connection ended first.
func (l *lane) untilReleased() bool {
	for l.any(toxics.Holds) {
		select {
		case <-l.wake:
		case <-l.conn.ctx.Done():
			return false
		}
	}
	return true
}
