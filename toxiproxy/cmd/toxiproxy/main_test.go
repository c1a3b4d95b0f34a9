package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

// startOurs runs the server as main does, until the test ends.
func startOurs(t *testing.T, args ...string) (*toxiproxy.Client, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, append([]string{"-host", host, "-port", port}, args...), "error", new(bytes.Buffer))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	client := toxiproxy.NewClient(l.Addr().String())
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := client.Version()
		if err == nil {
			return client, l.Addr().String()
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestTheConfigFileOfTheStockServerIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toxiproxy.json")
	list := `[{"name":"a_b","listen":"127.0.0.1:0","upstream":"127.0.0.1:1"},{"name":"a_c","listen":"127.0.0.1:0","upstream":"127.0.0.1:1","enabled":false}]`
	if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	client, _ := startOurs(t, "-config", path, "-proxy-metrics", "-runtime-metrics", "-seed", "1")
	proxies, err := client.Proxies()
	if err != nil {
		t.Fatal(err)
	}
	if len(proxies) != 2 || !proxies["a_b"].Enabled || proxies["a_c"].Enabled {
		t.Errorf("%+v", proxies)
	}
}

func TestABadConfigFileIsNotFatal(t *testing.T) {
	client, _ := startOurs(t, "-config", "/nonexistent")
	if proxies, err := client.Proxies(); err != nil || len(proxies) != 0 {
		t.Errorf("%v, %v", proxies, err)
	}
}

func TestHealth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toxiproxy.json")
	if err := os.WriteFile(path, []byte(`[{"name":"a_b","listen":"127.0.0.1:0","upstream":"127.0.0.1:1","enabled":false}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, addr := startOurs(t, "-config", path)
	_, port, _ := net.SplitHostPort(addr)
	for _, args := range [][]string{{"-port", port, "health"}, {"-host", "0.0.0.0", "-port", port, "health"}, {"-host", "127.0.0.1", "-port", port, "health"}} {
		if err := run(t.Context(), args, "", new(bytes.Buffer)); err != nil {
			t.Errorf("%v: %v; a cut link is no reason to be called sick", args, err)
		}
	}
}

func TestHealthOfAServerThatIsGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	args := []string{"-port", port, "health"}
	if err := run(t.Context(), args, "", new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("one that accepts and says nothing: %v", err)
	}
	l.Close()
	if err := run(t.Context(), args, "", new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-version"}, "", &out); err != nil || out.String() != "toxiproxy-server version 2.12.0\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestATakenPortIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := run(t.Context(), []string{"-host", "127.0.0.1", "-port", port}, "disabled", new(bytes.Buffer)); err == nil {
		t.Error("no error")
	}
}

// cliEnv names the stock command line client. Its module needs others than this
// one has, so it is not built here:
//
//	go build -o /tmp/toxiproxy-cli github.com/Shopify/toxiproxy/v2/cmd/cli   (in a module that requires v2.12.0)
const cliEnv = "TOXIPROXY_CLI"

func TestTheStockCommandLineWorksUnchanged(t *testing.T) {
	cli := os.Getenv(cliEnv)
	if cli == "" {
		t.Skipf("%s names no stock toxiproxy-cli", cliEnv)
	}
	_, api := startOurs(t)
	for _, c := range []struct{ command, want string }{
		{"create -l 127.0.0.1:0 -u 127.0.0.1:1 redis", "Created new proxy redis"},
		{"list", "redis"},
		{"toxic add -t latency -a latency=100 redis", "Added downstream latency toxic 'latency_downstream' on proxy 'redis'"},
		{"toxic add -t hold -u redis", "Added upstream hold toxic 'hold_upstream' on proxy 'redis'"},
		{"toxic add -t reset redis", "Added downstream reset toxic 'reset_downstream' on proxy 'redis'"},
		{"toxic update -n latency_downstream -a latency=50 redis", "Updated toxic 'latency_downstream' on proxy 'redis'"},
		{"inspect redis", "latency=50"},
		{"toxic remove -n hold_upstream redis", "Removed toxic 'hold_upstream' on proxy 'redis'"},
		{"toggle redis", "Proxy redis is now disabled"},
		{"toggle redis", "Proxy redis is now enabled"},
		{"delete redis", "Deleted proxy redis"},
	} {
		out, err := exec.Command(cli, append([]string{"--host", api}, strings.Fields(c.command)...)...).CombinedOutput()
		if err != nil || !strings.Contains(plain(string(out)), c.want) {
			t.Errorf("%s: %v\n%s\nwant %s", c.command, err, out, c.want)
		}
	}
}

// plain is the text without the colours.
func plain(s string) string { return colours.ReplaceAllString(s, "") }

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")
