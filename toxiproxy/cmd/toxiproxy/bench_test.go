package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkHop compares one hop of this server with one of the stock server, and
// both with none. The rounds take turns, so that whatever else the host does hurts
// all alike. Read the ratios; the absolute numbers are the host's.
//
//	go test -run '^$' -bench Hop -benchtime 5x ./toxiproxy/cmd/toxiproxy
func BenchmarkHop(b *testing.B) {
	redis := startRedis(b)
	sink := startSink(b)
	routes := []route{{name: "direct", redis: redis, sink: sink}}
	for _, server := range []struct{ name, pkg string }{
		{"stock", "github.com/Shopify/toxiproxy/v2/cmd/server"}, {"ours", "eventflow/toxiproxy/cmd/toxiproxy"},
	} {
		api := startServer(b, server.name, server.pkg)
		routes = append(routes, route{name: server.name, redis: link(b, api, "redis", redis), sink: link(b, api, "sink", sink)})
	}
	for b.Loop() {
		for n := range routes {
			routes[n].round(b)
		}
	}
	for _, r := range routes {
		r.report(b)
	}
}

// route is a way to Redis and to a sink of bytes, and what was measured on it.
type route struct {
	name, redis, sink string
	perSecond         []float64 // PINGs, 50 connections
	alone             []float64 // microseconds per PING, one connection
	latencies         []time.Duration
	bulk              []float64 // MiB per second, one connection, 64 KiB writes
}

const roundTime = 700 * time.Millisecond

func (r *route) round(b *testing.B) {
	count, latencies := pings(b, r.redis, 50)
	r.perSecond = append(r.perSecond, float64(count)/roundTime.Seconds())
	r.latencies = append(r.latencies, latencies...)
	count, _ = pings(b, r.redis, 1)
	r.alone = append(r.alone, float64(roundTime.Microseconds())/float64(count))
	r.bulk = append(r.bulk, pour(b, r.sink))
}

func (r *route) report(b *testing.B) {
	slices.Sort(r.latencies)
	b.ReportMetric(median(r.perSecond), r.name+"-ping/s")
	b.ReportMetric(float64(r.latencies[len(r.latencies)*99/100].Microseconds())/1000, r.name+"-p99-ms")
	b.ReportMetric(median(r.alone), r.name+"-1conn-us")
	b.ReportMetric(median(r.bulk), r.name+"-MiB/s")
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func pings(b *testing.B, addr string, connections int) (int, []time.Duration) {
	b.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var busy sync.WaitGroup
	until := time.Now().Add(roundTime)
	for range connections {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		busy.Go(func() {
			defer c.Close()
			mine := pingUntil(c, until)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
	}
	busy.Wait()
	return len(all), all
}

func pingUntil(c net.Conn, until time.Time) (took []time.Duration) {
	in := bufio.NewReader(c)
	for {
		start := time.Now()
		if start.After(until) {
			return took
		}
		if _, err := io.WriteString(c, "PING\r\n"); err != nil {
			return took
		}
		if _, err := in.ReadSlice('\n'); err != nil {
			return took
		}
		took = append(took, time.Since(start))
	}
}

// pour is how fast bytes arrive: the sink says so at the end.
func pour(b *testing.B, addr string) float64 {
	b.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	start, sent, block := time.Now(), 0, make([]byte, 64<<10)
	for time.Since(start) < roundTime {
		n, err := c.Write(block)
		if err != nil {
			b.Fatal(err)
		}
		sent += n
	}
	return float64(sent) / (1 << 20) / time.Since(start).Seconds()
}

func startSink(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
		}
	}()
	return l.Addr().String()
}

func startRedis(b *testing.B) string {
	b.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		b.Skip(err)
	}
	addr := freeAddr(b)
	_, port, _ := net.SplitHostPort(addr)
	start(b, nil, bin, "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", b.TempDir())
	await(b, addr)
	return addr
}

func startServer(b *testing.B, name, pkg string) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", bin, pkg).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	addr := freeAddr(b)
	_, port, _ := net.SplitHostPort(addr)
	start(b, []string{"LOG_LEVEL=error"}, bin, "-host", "127.0.0.1", "-port", port)
	await(b, addr)
	return "http://" + addr
}

func start(b *testing.B, env []string, bin string, args ...string) {
	b.Helper()
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

func await(b *testing.B, addr string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
	defer cancel()
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-ctx.Done():
			b.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func link(b *testing.B, api, name, upstream string) string {
	b.Helper()
	listen := freeAddr(b)
	body := fmt.Sprintf(`{"name":%q,"listen":%q,"upstream":%q}`, name, listen, upstream)
	res, err := http.Post(api+"/proxies", "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		b.Fatal(res.Status)
	}
	return listen
}

func freeAddr(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
