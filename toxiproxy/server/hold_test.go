package server_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

var directions = []string{"upstream", "downstream"}

func TestHoldIsSilenceAndThenEverything(t *testing.T) {
	for _, stream := range directions {
		t.Run(stream, func(t *testing.T) {
			r := newRig(t)
			addr := r.link("a_b", echo(t))
			open := dial(t, addr)
			roundTrip(t, open)
			r.toxic("", "a_b", "hold", stream, nil)
			late := dial(t, addr)
			for n := range 100 {
				send(t, open, fmt.Sprintf("old %03d|", n))
				send(t, late, fmt.Sprintf("new %03d|", n))
			}
			silence(t, open, 2*time.Second)
			silence(t, late, time.Second)
			r.heal("a_b", "hold", stream)
			for n := range 100 {
				expect(t, open, fmt.Sprintf("old %03d|", n), time.Second)
				expect(t, late, fmt.Sprintf("new %03d|", n), time.Second)
			}
			roundTrip(t, open)
			roundTrip(t, late)
		})
	}
}

// Bytes of both directions beyond what any buffer takes: the sender must feel it,
// the proxy must not swell, and all must arrive once and in order.
func TestHoldOfMuchLosesNothingAndStaysSmall(t *testing.T) {
	const size = 10 << 20
	r := newRig(t)
	payload := make([]byte, size)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(payload)
	want := sha256.Sum256(payload)
	connected, heard := make(chan struct{}), make(chan [32]byte, 1)
	addr := r.link("a_b", serve(t, func(c *net.TCPConn) {
		close(connected)
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = c.Write(payload)
		}()
		heard <- hashOf(c, size)
		<-written
	}))
	r.toxic("", "a_b", "hold", "downstream", nil)
	c := dial(t, addr)
	<-connected
	r.toxic("", "a_b", "hold", "upstream", nil)
	before := heap()
	var written atomic.Int64
	go func() {
		for rest := payload; len(rest) > 0; {
			n, err := c.Write(rest[:min(len(rest), 64<<10)])
			if err != nil {
				return
			}
			written.Add(int64(n))
			rest = rest[n:]
		}
	}()
	silence(t, c, 5*time.Second)
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("the proxy holds %d KiB in memory", grown>>10)
	}
	if written.Load() == size {
		t.Error("the sender was not held back")
	}
	r.heal("a_b", "hold", "upstream")
	r.heal("a_b", "hold", "downstream")
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got := hashOf(c, size); got != want {
		t.Error("the client did not read what was sent")
	}
	if got := <-heard; got != want {
		t.Error("the server did not read what was sent")
	}
}

func hashOf(r io.Reader, size int64) (sum [32]byte) {
	h := sha256.New()
	_, _ = io.CopyN(h, r, size)
	return [32]byte(h.Sum(nil))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A partition also hides that the other end is gone.
func TestHoldHidesTheEndOfAConnectionUntilItsHeal(t *testing.T) {
	r := newRig(t)
	addr := r.link("a_b", serve(t, func(c *net.TCPConn) { send(t, c, "bye") }))
	r.toxic("", "a_b", "hold", "downstream", nil)
	c := dial(t, addr)
	silence(t, c, 300*time.Millisecond)
	r.heal("a_b", "hold", "downstream")
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	if got, err := io.ReadAll(c); string(got) != "bye" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

// Even that nobody listens there.
func TestHoldHidesADeadUpstream(t *testing.T) {
	for _, stream := range directions {
		r := newRig(t)
		addr := r.link("a_b", freeAddr(t))
		r.toxic("", "a_b", "hold", stream, nil)
		c := dial(t, addr)
		silence(t, c, 200*time.Millisecond)
		r.heal("a_b", "hold", stream)
		if err := ends(t, c, time.Second); err != io.EOF {
			t.Errorf("%s: ended with %v", stream, err)
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Changing toxics under load, in any order, must lose and reorder nothing.
func TestChangesUnderLoadLoseNothing(t *testing.T) {
	const size = 8 << 20
	r := newRig(t)
	payload := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(payload)
	addr := r.link("a_b", echo(t))
	c := dial(t, addr)
	go func() { _, _ = io.Copy(c, bytes.NewReader(payload)) }()
	done := make(chan [32]byte, 1)
	go func() { done <- hashOf(c, size) }()
	kinds := map[string]map[string]any{
		"hold": nil, "latency": {"latency": 5, "jitter": 3}, "bandwidth": {"rate": 50000},
		"slicer": {"average_size": 3000, "size_variation": 1000, "delay": 10},
	}
	for range 10 {
		for kind, attributes := range kinds {
			for _, stream := range directions {
				r.toxic("", "a_b", kind, stream, attributes)
			}
			time.Sleep(2 * time.Millisecond) // let some bytes meet it
			for _, stream := range directions {
				r.heal("a_b", kind, stream)
			}
		}
	}
	select {
	case got := <-done:
		if got != sha256.Sum256(payload) {
			t.Error("what came back is not what was sent")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the bytes never all came back")
	}
}
