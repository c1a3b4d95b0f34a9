package selftest

import (
	"io"
	"net"
	"sync"
	"time"
)

// tap stands between the proxy and a real server and sees what arrives there.
type tap struct {
	net.Listener
	server string

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	arrived []arrival
}

// arrival is some bytes that came through the proxy.
type arrival struct {
	accepted time.Time // when their connection was
	at       time.Time
	bytes    int
}

// ear hears one connection.
type ear struct {
	tap      *tap
	accepted time.Time
}

func openTap(server string) (*tap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tap{Listener: l, server: server, conns: map[net.Conn]struct{}{}}
	go t.serve()
	return t, nil
}

func (t *tap) serve() {
	for {
		conn, err := t.Accept()
		if err != nil {
			return // closed
		}
		go t.pass(conn)
	}
}

// pass carries one connection until either side ends it, and ends the other.
func (t *tap) pass(conn net.Conn) {
	heard := ear{t, time.Now()}
	server, err := net.DialTimeout("tcp", t.server, DefaultPatience)
	if err != nil {
		conn.Close()
		return
	}
	t.keep(conn, server)
	defer t.drop(conn, server)
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(conn, server); done <- struct{}{} }()                      // both ends are closed next
	go func() { _, _ = io.Copy(server, io.TeeReader(conn, heard)); done <- struct{}{} }() // the same
	<-done
}

func (t *tap) keep(conns ...net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range conns {
		t.conns[c] = struct{}{}
	}
}

func (t *tap) drop(conns ...net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(t.conns, c)
	}
}

// Write notes what came. It is io.Writer's for the reader's sake.
func (e ear) Write(b []byte) (int, error) {
	e.tap.mu.Lock()
	defer e.tap.mu.Unlock()
	e.tap.arrived = append(e.tap.arrived, arrival{e.accepted, time.Now(), len(b)})
	return len(b), nil
}

// since is how many bytes arrived after that moment, and when the first. Connections
// that were accepted later than until do not count.
func (t *tap) since(begun, until time.Time) (bytes int, first time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.arrived {
		if a.at.Before(begun) || a.accepted.After(until) {
			continue
		}
		if bytes == 0 {
			first = a.at
		}
		bytes += a.bytes
	}
	return bytes, first
}

func (t *tap) close() {
	t.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		c.Close()
	}
}
