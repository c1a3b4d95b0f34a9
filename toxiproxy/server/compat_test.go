package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	stock "github.com/Shopify/toxiproxy/v2"
	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	stocktoxics "github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"eventflow/toxiproxy/toxics"
)

// The stock server's own Go client does a full round of what it can do.
func TestTheStockClientWorksUnchanged(t *testing.T) {
	r := newRig(t)
	c := toxiproxy.NewClient(r.url)
	upstream := echo(t)
	made, err := c.Populate([]toxiproxy.Proxy{
		{Name: "one", Listen: "127.0.0.1:0", Upstream: upstream, Enabled: true},
		{Name: "two", Listen: "127.0.0.1:0", Upstream: upstream},
	})
	must(t, err)
	if len(made) != 2 || !made[0].Enabled || made[1].Enabled {
		t.Fatalf("populated %+v", made)
	}
	three, err := c.CreateProxy("three", "127.0.0.1:0", upstream)
	must(t, err)
	roundTrip(t, dial(t, three.Listen))
	clientToxics(t, c, three)
	must(t, three.Disable())
	if _, err := net.Dial("tcp", three.Listen); err == nil {
		t.Error("a disabled proxy takes connections")
	}
	must(t, three.Enable())
	conn := dial(t, three.Listen)
	roundTrip(t, conn)
	three.Upstream = echo(t)
	must(t, three.Save())
	_ = ends(t, conn, time.Second)
	roundTrip(t, dial(t, three.Listen))
	_, err = three.AddToxic("", "timeout", "upstream", 1, toxiproxy.Attributes{"timeout": 0})
	must(t, err)
	must(t, c.ResetState())
	all, err := c.Proxies()
	must(t, err)
	for name, p := range all {
		if !p.Enabled || len(p.ActiveToxics) != 0 {
			t.Errorf("after a reset %s is %+v", name, p)
		}
	}
	must(t, three.Delete())
	if _, err := c.Proxy("three"); !isAPIError(err, 404, "proxy not found") {
		t.Errorf("a deleted proxy: %v", err)
	}
	version, err := c.Version()
	must(t, err)
	contains(t, version, `"version":"2.12.0"`)
}

func clientToxics(t *testing.T, c *toxiproxy.Client, p *toxiproxy.Proxy) {
	t.Helper()
	for _, kind := range toxics.Kinds() {
		added, err := p.AddToxic("mine_"+kind, kind, "upstream", 1, nil)
		must(t, err)
		if added.Name != "mine_"+kind || added.Stream != "upstream" || added.Toxicity != 1 {
			t.Errorf("added %+v", added)
		}
		must(t, p.RemoveToxic("mine_"+kind))
	}
	added, err := c.AddToxic(&toxiproxy.ToxicOptions{ProxyName: p.Name, ToxicType: "latency", Toxicity: 1, Attributes: toxiproxy.Attributes{"latency": 50}})
	must(t, err)
	if added.Name != "latency_downstream" || added.Attributes["latency"] != 50.0 {
		t.Errorf("added %+v", added)
	}
	updated, err := c.UpdateToxic(&toxiproxy.ToxicOptions{ProxyName: p.Name, ToxicName: added.Name, Toxicity: -1, Attributes: toxiproxy.Attributes{"jitter": 3}})
	must(t, err)
	if updated.Attributes["latency"] != 50.0 || updated.Attributes["jitter"] != 3.0 || updated.Toxicity != 1 {
		t.Errorf("updated %+v", updated)
	}
	if _, err := p.AddToxic(added.Name, "noop", "", 1, nil); !isAPIError(errors.Unwrap(err), 409, "toxic already exists") {
		t.Errorf("the same name twice: %v", err)
	}
	list, err := p.Toxics()
	must(t, err)
	if len(list) != 1 {
		t.Errorf("%+v", list)
	}
	must(t, c.RemoveToxic(&toxiproxy.ToxicOptions{ProxyName: p.Name, ToxicName: added.Name}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isAPIError(err error, status int, message string) bool {
	var api *toxiproxy.ApiError
	return errors.As(err, &api) && api.Status == status && api.Message == message
}

// Both servers are asked the same and must answer the same: status, and the JSON
// but for what is ours alone.
func TestAnswersAreTheStockServers(t *testing.T) {
	ours := newRig(t)
	theirs := &rig{t: t, url: stockServer(t)}
	upstream := echo(t)
	proxyBody := func(name string) string {
		return fmt.Sprintf(`{"name":%q,"listen":"127.0.0.1:0","upstream":%q}`, name, upstream)
	}
	for _, call := range []struct{ method, path, body string }{
		{"GET", "/proxies", ""},
		{"POST", "/proxies", "{"},
		{"POST", "/proxies", "[]"},
		{"POST", "/proxies", `{"upstream":"x:1"}`},
		{"POST", "/proxies", `{"name":"x"}`},
		{"POST", "/proxies", `{"name":"x","listen":"256.1.1.1:0","upstream":"x:1"}`},
		{"POST", "/proxies", proxyBody("p")},
		{"POST", "/proxies", proxyBody("p")},
		{"POST", "/proxies", `{"name":"off","listen":"127.0.0.1:0","upstream":"x:1","enabled":false}`},
		{"GET", "/proxies/p", ""},
		{"GET", "/proxies/none", ""},
		{"GET", "/proxies/p/toxics", ""},
		{"POST", "/proxies/p/toxics", `{"type":"latency","attributes":{"latency":7}}`},
		{"POST", "/proxies/p/toxics", `{"type":"latency","attributes":{"latency":7}}`},
		{"POST", "/proxies/p/toxics", `{"type":"latency","stream":"sideways"}`},
		{"POST", "/proxies/p/toxics", `{"type":"nonsense"}`},
		{"POST", "/proxies/p/toxics", `{"type":"latency","name":"odd","attributes":{"latency":"seven"}}`},
		{"POST", "/proxies/p/toxics", `nonsense`},
		{"POST", "/proxies/p/toxics", `{"type":"slicer","name":"s","stream":"upstream","toxicity":0.25,"attributes":{"average_size":10,"unknown":1}}`},
		{"GET", "/proxies/p/toxics", ""},
		{"GET", "/proxies/p/toxics/s", ""},
		{"GET", "/proxies/p/toxics/none", ""},
		{"POST", "/proxies/p/toxics/s", `{"attributes":{"delay":3}}`},
		{"PATCH", "/proxies/p/toxics/s", `{"toxicity":0.5}`},
		{"PATCH", "/proxies/p/toxics/s", `nonsense`},
		{"PATCH", "/proxies/p/toxics/s", `{"attributes":{"delay":"three"}}`},
		{"PATCH", "/proxies/p/toxics/none", `{}`},
		{"PATCH", "/proxies/p", `{"enabled":false}`},
		{"POST", "/proxies/p", `{"enabled":true}`},
		{"PATCH", "/proxies/p", `{}`},
		{"PATCH", "/proxies/p", `{"listen":"no port"}`},
		{"PATCH", "/proxies/none", `{}`},
		{"POST", "/populate", `[{"name":"p"}]`},
		{"POST", "/populate", `nonsense`},
		{"POST", "/populate", `[` + proxyBody("q") + `,` + proxyBody("r") + `]`},
		{"DELETE", "/proxies/p/toxics/s", ""},
		{"DELETE", "/proxies/p/toxics/s", ""},
		{"DELETE", "/proxies/none/toxics/s", ""},
		{"DELETE", "/proxies/off", ""},
		{"POST", "/reset", ""},
		{"GET", "/proxies", ""},
		{"DELETE", "/proxies/p", ""},
		{"DELETE", "/proxies/p", ""},
		{"GET", "/nonsense", ""},
		{"PUT", "/proxies", ""},
	} {
		got, want := ours.raw(call.method, call.path, call.body), theirs.raw(call.method, call.path, call.body)
		if got != want {
			t.Errorf("%s %s %s\n got %s\nwant %s", call.method, call.path, call.body, got, want)
		}
	}
}

// raw is the answer in a form that can be compared: the ports are each server's own.
func (r *rig) raw(method, path, body string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	must(r.t, err)
	res, err := http.DefaultClient.Do(req)
	must(r.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(r.t, err)
	var v any
	if json.Unmarshal(b, &v) != nil {
		return fmt.Sprint(res.StatusCode)
	}
	b, err = json.Marshal(withoutPorts(v))
	must(r.t, err)
	return fmt.Sprintf("%d %s", res.StatusCode, b)
}

func withoutPorts(v any) any {
	switch v := v.(type) {
	case []any:
		for n := range v {
			v[n] = withoutPorts(v[n])
		}
	case map[string]any:
		for key := range v {
			v[key] = withoutPorts(v[key])
		}
		if _, ok := v["listen"]; ok {
			v["listen"] = "somewhere"
		}
		delete(v, "Logger") // the stock server's own, shown by accident and always {}
		switch text, ok := v["error"].(string); {
		case ok && v["status"] == 500.0:
			v["error"] = "in the server's own words"
		case ok: // Go's own words for bad JSON name the type it did not fit
			v["error"], _, _ = strings.Cut(text, ":")
		}
	}
	return v
}

func stockServer(t *testing.T) string {
	t.Helper()
	addr := freeAddr(t)
	s := stock.NewServer(stock.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	go func() { _ = s.Listen(addr) }() // until the tests are over
	eventually(t, 5*time.Second, func() error {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	})
	return "http://" + addr
}

// Every kind of toxic of the stock server is known here, with the same settings.
func TestEveryStockToxicIsKnown(t *testing.T) {
	for kind, theirs := range stocktoxics.ToxicRegistry {
		ours := toxics.New(kind)
		if ours == nil {
			t.Errorf("no %s", kind)
			continue
		}
		got, err := json.Marshal(ours)
		must(t, err)
		want, err := json.Marshal(theirs)
		must(t, err)
		if string(got) != string(want) {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}
