package fault_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/selftest/servertest"
	"eventflow/toxiproxy/topology"
)

// binaries are the two proxy servers, built once per run of the tests.
var binaries = map[string]string{
	stock: "github.com/Shopify/toxiproxy/v2/cmd/server",
	ours:  "eventflow/toxiproxy/cmd/toxiproxy",
}

const stock, ours = "stock", "ours"

func TestMain(m *testing.M) {
	if api := os.Getenv(ownerEnv); api != "" {
		own(api)
		return
	}
	dir, err := os.MkdirTemp("", "fault-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	for name, source := range binaries {
		binaries[name] = filepath.Join(dir, name)
		out, err := exec.Command("go", "build", "-o", binaries[name], source).CombinedOutput()
		if err != nil {
			return fmt.Errorf("build the proxy server: %w\n%s", err, out)
		}
	}
	return nil
}

// onBoth runs the test on either proxy server. A test outside of it runs on ours.
func onBoth(t *testing.T, test func(*testing.T)) {
	for _, server := range []string{stock, ours} {
		t.Run(server, func(t *testing.T) {
			t.Parallel() // they mostly wait
			test(t)
		})
	}
}

func serverOf(t testing.TB) string {
	if slices.Contains(strings.Split(t.Name(), "/"), stock) {
		return stock
	}
	return ours
}

// The network of the tests: two clients of one Redis, and one of a web server.
func network() topology.Map {
	return topology.Map{
		Services: []topology.Service{
			{Name: "one"}, {Name: "two"},
			{Name: "redis", Protocol: topology.Redis},
			{Name: "web", Protocol: topology.HTTP},
		},
		Links: []topology.Link{
			{From: "one", To: "redis"}, {From: "two", To: "redis"}, {From: "one", To: "web"},
		},
	}
}

// lab is a network whose links run through a real proxy server.
type lab struct {
	*fault.Injector
	t         testing.TB
	api       string
	links     topology.Map
	addrs     map[string]string        // link -> its proxy
	upstreams map[topology.Name]string // service -> itself
	redis     *exec.Cmd
	proxy     *exec.Cmd
}

// newLab starts the proxy server, Redis and a web server, and prepares the links.
func newLab(t testing.TB, opts ...fault.Option) *lab {
	t.Helper()
	l := &lab{t: t, links: network(), upstreams: map[topology.Name]string{}}
	l.upstreams["redis"] = freeAddr(t)
	l.startRedis()
	l.upstreams["web"] = startWeb(t)
	l.connect(opts...)
	return l
}

// connect starts the proxy server for the lab's links and prepares them.
func (l *lab) connect(opts ...fault.Option) {
	l.t.Helper()
	l.addrs = map[string]string{}
	for _, link := range l.links.Links {
		l.addrs[link.Name()] = freeAddr(l.t)
	}
	addr := func(link topology.Link) string { return l.addrs[link.Name()] }
	plan := l.links.Proxies(addr, func(link topology.Link) string { return l.upstreams[link.To] })
	apiAddr := freeAddr(l.t)
	l.api = "http://" + apiAddr
	l.startProxy()
	l.Injector = fault.New(l.api, l.links, addr, append([]fault.Option{fault.Plan(plan)}, opts...)...)
	if err := l.Prepare(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) startProxy() {
	l.t.Helper()
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(l.api, "http://"))
	l.proxy = start(l.t, []string{"LOG_LEVEL=error"}, binaries[serverOf(l.t)], "-host", host, "-port", port)
	eventually(l.t, "proxy server", func() error {
		res, err := http.Get(l.api + "/version")
		if err != nil {
			return err
		}
		return res.Body.Close()
	})
}

func (l *lab) startRedis() {
	l.t.Helper()
	host, port, _ := net.SplitHostPort(l.upstreams["redis"])
	bin := program(l.t, "redis-server")
	l.redis = start(l.t, nil, bin, "--bind", host, "--port", port, "--dir", l.t.TempDir(), "--save", "", "--appendonly", "no")
	eventually(l.t, "redis", func() error { return dial(l.upstreams["redis"]).expect("PING", "+PONG") })
}

func (l *lab) stopRedis() { stop(l.redis) }

func (l *lab) link(name string) topology.Link {
	l.t.Helper()
	link, ok := l.links.Link(name)
	if !ok {
		l.t.Fatalf("no link %q", name)
	}
	return link
}

// client is a connection through the link, proved to work.
func (l *lab) client(link string) *client {
	l.t.Helper()
	c := dial(l.addrs[link])
	l.t.Cleanup(c.close)
	if err := c.expect("PING", "+PONG"); err != nil {
		l.t.Fatalf("a whole link does not carry: %v", err)
	}
	return c
}

// apply puts the fault in force and demands that it bit.
func (l *lab) apply(f fault.Fault) fault.Applied {
	l.t.Helper()
	a, err := l.Apply(l.t.Context(), f)
	if err != nil {
		l.t.Fatal(err)
	}
	if !a.Bit {
		l.t.Fatalf("%s did not bite: %+v", f, a)
	}
	return a
}

func (l *lab) heal(links ...string) {
	l.t.Helper()
	if err := l.Heal(l.t.Context(), links...); err != nil {
		l.t.Fatal(err)
	}
}

// faults is Status as "link: fault" per link.
func (l *lab) faults() map[string]string {
	l.t.Helper()
	all, err := l.Status(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	out := map[string]string{}
	for _, s := range all {
		out[s.Link] = s.Fault
	}
	return out
}

// call speaks to the proxy server as a stranger would.
func (l *lab) call(method, path, body string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, l.api+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode > 299 {
		l.t.Fatalf("%s %s: %s", method, path, res.Status)
	}
}

// count is the counter's value as Redis itself says it, past all proxies.
func (l *lab) count(key string) int {
	l.t.Helper()
	c := dial(l.upstreams["redis"])
	defer c.close()
	got, err := c.say("INCRBY " + key + " 0")
	if err != nil {
		l.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimPrefix(got, ":"))
	if err != nil {
		l.t.Fatalf("INCRBY answered %q", got)
	}
	return n
}

// client speaks Redis's inline protocol on one connection: an ordinary client
// with a pool of one and no retries.
type client struct {
	net.Conn
	r   *bufio.Reader
	err error
}

// clientDeadline is how long the tests' client waits for an answer.
const clientDeadline = 300 * time.Millisecond

func dial(addr string) *client {
	conn, err := net.DialTimeout("tcp", addr, clientDeadline)
	if err != nil {
		return &client{err: err}
	}
	return &client{Conn: conn, r: bufio.NewReader(conn)}
}

func (c *client) close() {
	if c.Conn != nil {
		c.Conn.Close()
	}
}

func (c *client) say(command string) (string, error) { return c.sayWithin(clientDeadline, command) }

func (c *client) sayWithin(d time.Duration, command string) (string, error) {
	if c.err != nil {
		return "", c.err
	}
	if err := c.SetDeadline(time.Now().Add(d)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	line, err := c.r.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (c *client) expect(command, want string) error {
	got, err := c.say(command)
	if err == nil && got != want {
		err = fmt.Errorf("%s answered %q, want %q", command, got, want)
	}
	return err
}

// waitsInVain says whether no answer came and the connection stayed open.
func waitsInVain(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// start runs a server until the test ends, and kills it if the test is killed.
func start(t testing.TB, env []string, bin string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(bin, args...)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(cmd) })
	return cmd
}

// stop kills at once and is fine with a server that is dead.
func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// program finds a server's binary. CI may not do without.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

func startWeb(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	web := &http.Server{Handler: mux}
	go web.Serve(listener)
	t.Cleanup(func() { web.Close() })
	return listener.Addr().String()
}

// freeAddr is an address that no other test here was given.
func freeAddr(t testing.TB) string { return servertest.FreeAddr(t) }

func (l *lab) cutAndHeal() {
	l.t.Helper()
	l.apply(fault.Cut("all"))
	l.heal()
}

func eventually(t testing.TB, what string, condition func() error) {
	t.Helper()
	servertest.Eventually(t, what, condition)
}
