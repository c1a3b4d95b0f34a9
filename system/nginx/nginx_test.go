// Package nginx_test runs a real nginx with EventFlow's template in front of
// three small nodes on loopback.
package nginx_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// node is one backend whose behaviour can be changed while it serves.
type node struct {
	name string
	addr string
	seen atomic.Int64
	act  atomic.Pointer[http.HandlerFunc]
	srv  *http.Server
}

func newNode(t *testing.T, name string) *node {
	t.Helper()
	n := &node{name: name}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n.addr = listener.Addr().String()
	n.be(answer)
	n.srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.seen.Add(1)
		w.Header().Set("X-EventFlow-Node", name)
		(*n.act.Load())(w, r)
	})}
	go func() { _ = n.srv.Serve(listener) }()
	t.Cleanup(func() { _ = n.srv.Close() })
	return n
}

func (n *node) be(h http.HandlerFunc) { n.act.Store(&h) }

func answer(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// hang answers nothing until nginx has given up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// edge is nginx with its three nodes and auth.
type edge struct {
	url, status string
	nodes       []*node
	auth        *node
	web         string
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// variable finds ${NAME} and nothing else: $name is nginx's.
var variable = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)

func start(t *testing.T, change func(string) string) *edge {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("nginx is not installed, and CI must have it")
		}
		t.Skip("nginx is not installed")
	}
	e := &edge{auth: newNode(t, "auth"), web: t.TempDir()}
	for i := range 3 {
		e.nodes = append(e.nodes, newNode(t, fmt.Sprintf("app-%d", i+1)))
	}
	listen, status := free(t), free(t)
	e.url, e.status = "http://"+listen, "http://"+status
	require.NoError(t, os.WriteFile(filepath.Join(e.web, "index.html"), []byte("<!doctype html>"), 0o644))
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "tmp"), 0o755))
	conf := render(t, map[string]string{
		"APP_1_ADDR": e.nodes[0].addr, "APP_2_ADDR": e.nodes[1].addr, "APP_3_ADDR": e.nodes[2].addr, "AUTH_ADDR": e.auth.addr,
		"NGINX_LISTEN": listen, "NGINX_STATUS_LISTEN": status, "WEB_ROOT": e.web,
	})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "eventflow.conf"), []byte(change(conf)), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(wrapper()), 0o644))
	e.run(t, binary, dir)
	return e
}

func render(t *testing.T, values map[string]string) string {
	t.Helper()
	template, err := os.ReadFile("eventflow.conf.template")
	require.NoError(t, err)
	return variable.ReplaceAllStringFunc(string(template), func(m string) string {
		v, ok := values[strings.Trim(m, "${}")]
		require.True(t, ok, "the template wants %s", m)
		return v
	})
}

func wrapper() string {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	return user + ` worker_processes 2; pid nginx.pid; error_log stderr error; events { worker_connections 1024; }
http { types { text/html html; text/css css; } default_type application/octet-stream;
  client_body_temp_path tmp/b; proxy_temp_path tmp/p; fastcgi_temp_path tmp/f; uwsgi_temp_path tmp/u; scgi_temp_path tmp/s;
  include eventflow.conf; }`
}

func (e *edge) run(t *testing.T, binary, dir string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(binary, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr", "-g", "daemon off;")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended already
		<-ended
	})
	require.Eventually(t, func() bool {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(e.status, "http://"), 100*time.Millisecond)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, 5*time.Second, 10*time.Millisecond, "nginx does not listen")
}

// reply is what a buyer got.
type reply struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

func (e *edge) do(t *testing.T, method, path, body string) reply {
	t.Helper()
	r, err := e.try(t.Context(), method, path, body)
	require.NoError(t, err)
	return r
}

func (e *edge) try(ctx context.Context, method, path, body string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	begun := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	return reply{res.StatusCode, res.Header, b.String(), time.Since(begun)}, err
}
