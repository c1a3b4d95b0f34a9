package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"eventflow/toxiproxy/proxy"
	"eventflow/toxiproxy/server"
)

// rig is a server with its API, and links through it to servers of the tests' own.
type rig struct {
	t   *testing.T
	url string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s := server.New(slog.New(slog.DiscardHandler), server.Config{Seed: 1, ProxyMetrics: true})
	api := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		api.Close()
		s.Close()
	})
	return &rig{t: t, url: api.URL}
}

// request speaks to the API as the lease's holder, "" for nobody.
func (r *rig) request(lease, method, path string, body any) (int, []byte) {
	r.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, bytes.NewReader(b))
	if err != nil {
		r.t.Fatal(err)
	}
	if lease != "" {
		req.Header.Set(server.LeaseHeader, lease)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// do demands that the request succeeds, and soon: no call may wait for a connection.
func (r *rig) do(lease, method, path string, body any) []byte {
	r.t.Helper()
	start := time.Now()
	code, answer := r.request(lease, method, path, body)
	if code > 299 {
		r.t.Fatalf("%s %s: %d %s", method, path, code, answer)
	}
	if took := time.Since(start); took > time.Second {
		r.t.Errorf("%s %s took %s", method, path, took)
	}
	return answer
}

func decode[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// link makes a proxy and returns where it listens.
func (r *rig) link(name, upstream string) string {
	r.t.Helper()
	return decode[proxy.View](r.t, r.do("", "POST", "/proxies", map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": upstream})).Listen
}

func (r *rig) proxy(name string) proxyView {
	r.t.Helper()
	return decode[proxyView](r.t, r.do("", "GET", "/proxies/"+name, nil))
}

// proxyView is proxy.View with attributes of any kind.
type proxyView struct {
	Name    string
	Listen  string
	Enabled bool
	DownBy  []string `json:"down_by"`
	Toxics  []struct {
		Name, Type, Stream, Lease string
		Attributes                map[string]float64
	}
}

// toxic puts a toxic named after its kind on the link.
func (r *rig) toxic(lease, link, kind, stream string, attributes map[string]any) {
	r.t.Helper()
	r.do(lease, "POST", "/proxies/"+link+"/toxics", map[string]any{"name": kind + "_" + stream, "type": kind, "stream": stream, "attributes": attributes})
}

func (r *rig) heal(link, kind, stream string) {
	r.t.Helper()
	r.do("", "DELETE", "/proxies/"+link+"/toxics/"+kind+"_"+stream, nil)
}

func (r *rig) lease(owner, ttl string) string {
	r.t.Helper()
	return decode[struct{ ID string }](r.t, r.do("", "POST", "/leases", map[string]string{"owner": owner, "ttl": ttl})).ID
}

// serve runs the handler for every connection and returns the address.
func serve(t *testing.T, handle func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

// echo sends back what it is sent.
func echo(t *testing.T) string {
	t.Helper()
	return serve(t, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
}

// dial connects, and hangs up when the test ends.
func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly the text within the time.
func expect(t *testing.T, c net.Conn, text string, within time.Duration) {
	t.Helper()
	got := make([]byte, len(text))
	_ = c.SetReadDeadline(time.Now().Add(within))
	n, err := io.ReadFull(c, got)
	if err != nil || string(got) != text {
		t.Fatalf("read %q, %v; want %q", got[:n], err, text)
	}
}

// roundTrip demands that the connection carries.
func roundTrip(t *testing.T, c net.Conn) {
	t.Helper()
	text := fmt.Sprintf("are you there, %d?", time.Now().UnixNano())
	send(t, c, text)
	expect(t, c, text, 2*time.Second)
}

// silence demands that nothing comes and the connection stays open.
func silence(t *testing.T, c net.Conn, lasting time.Duration) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(lasting))
	n, err := c.Read(make([]byte, 1))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %d bytes, %v; want silence", n, err)
	}
}

// ends is the error that the connection ends with, within the time.
func ends(t *testing.T, c net.Conn, within time.Duration) error {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(within))
	_, err := io.Copy(io.Discard, c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the connection did not end within %s", within)
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

// eventually polls until the condition holds and reports the last error.
func eventually(t *testing.T, within time.Duration, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}

func contains(t *testing.T, text []byte, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %s in:\n%s", part, text)
		}
	}
}
