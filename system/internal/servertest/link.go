package servertest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Link carries one client's connections to a server and breaks them on demand.
type Link struct {
	Addr string // where the client connects

	target   string
	hung     atomic.Bool // bytes vanish both ways
	mute     atomic.Bool // bytes of the server vanish
	mu       sync.Mutex
	cut      bool
	listener net.Listener
	conns    map[net.Conn]struct{}
}

// NewLink opens a way to target.
func NewLink(tb testing.TB, target string) *Link {
	tb.Helper()
	l := &Link{target: target, conns: map[net.Conn]struct{}{}}
	l.listen(tb, "127.0.0.1:0")
	l.Addr = l.listener.Addr().String()
	tb.Cleanup(func() { l.Cut(tb) })
	return l
}

// Cut refuses new connections and ends the present ones.
func (l *Link) Cut(tb testing.TB) {
	tb.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.cut = true
		if err := l.listener.Close(); err != nil {
			tb.Errorf("cut: %v", err)
		}
	}
	l.dropAll()
}

// Hang lets every byte vanish, without a word to either side.
func (l *Link) Hang() { l.hung.Store(true) }

// LoseReplies lets what the server says vanish; what it is told arrives.
func (l *Link) LoseReplies() { l.mute.Store(true) }

// Heal carries everything again. Connections that lost bytes are ended, as the
// two ends no longer agree on what was said.
func (l *Link) Heal(tb testing.TB) {
	tb.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	lossy := l.hung.Swap(false)
	if l.mute.Swap(false) || lossy {
		l.dropAll()
	}
	if l.cut {
		l.listen(tb, l.Addr)
		l.cut = false
	}
}

func (l *Link) listen(tb testing.TB, addr string) {
	tb.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		tb.Fatalf("open a link: %v", err)
	}
	l.listener = listener
	go l.accept(listener)
}

func (l *Link) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return // cut
		}
		server, err := net.Dial("tcp", l.target)
		if err != nil {
			client.Close()
			continue
		}
		if l.keep(client, server) {
			go l.carry(client, server, func() bool { return l.hung.Load() })
			go l.carry(server, client, func() bool { return l.hung.Load() || l.mute.Load() })
		}
	}
}

// keep files a pair, unless the link was cut while it was being made.
func (l *Link) keep(pair ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range pair {
		if l.cut {
			c.Close()
			continue
		}
		l.conns[c] = struct{}{}
	}
	return !l.cut
}

func (l *Link) carry(from, to net.Conn, vanish func() bool) {
	defer l.drop(from, to)
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if vanish() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *Link) drop(pair ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range pair {
		c.Close()
		delete(l.conns, c)
	}
}

func (l *Link) dropAll() {
	for c := range l.conns {
		c.Close()
		delete(l.conns, c)
	}
}
