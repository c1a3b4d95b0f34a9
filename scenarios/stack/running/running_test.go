package running_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack/running"
	"eventflow/toxiproxy/topology"
)

// small is a map of two links.
func small() topology.Map {
	return topology.Map{
		Services: []topology.Service{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Links:    []topology.Link{{From: "a", To: "b"}, {From: "a", To: "c"}},
	}
}

// proxyServer answers as Toxiproxy does.
func proxyServer(t *testing.T, proxies ...topology.ProxyConfig) *httptest.Server {
	t.Helper()
	all := map[string]topology.ProxyConfig{}
	for _, p := range proxies {
		all[p.Name] = p
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /proxies", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(all) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestLinksAreReadFromTheProxyServer(t *testing.T) {
	s := proxyServer(t,
		topology.ProxyConfig{Name: "a_b", Listen: "[::]:21046", Upstream: "b:5432"}, // cut: still to be healed
		topology.ProxyConfig{Name: "a_c", Listen: "10.1.2.3:21047", Upstream: "c:6379", Enabled: true},
		topology.ProxyConfig{Name: "selftest-1_redis-new", Listen: "127.0.0.1:1", Upstream: "x:1", Enabled: true},
	)
	api := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	e, err := running.Config{Toxiproxy: api + "/"}.Links(t.Context(), small())
	require.NoError(t, err)
	assert.Equal(t, api, e.Toxiproxy)
	assert.Equal(t, map[string]string{"a_b": "localhost:21046", "a_c": "10.1.2.3:21047"}, e.Links,
		"one that listens everywhere is met where its API is, another where it listens")
	assert.Equal(t, []topology.ProxyConfig{
		{Name: "a_b", Listen: "[::]:21046", Upstream: "b:5432", Enabled: true},
		{Name: "a_c", Listen: "10.1.2.3:21047", Upstream: "c:6379", Enabled: true},
	}, e.Proxies, "whole, as healing makes them")
	assert.Equal(t, "localhost", e.AllowHost)
}

func TestLinksThatNobodyCanUse(t *testing.T) {
	stranger := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(stranger.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	t.Cleanup(page.Close)
	for name, c := range map[string]struct{ url, says string }{
		"no URL":            {"127.0.0.1:8474", "want http://host:port"},
		"nobody there":      {"http://127.0.0.1:1", "connection refused"},
		"another server":    {stranger.URL, "no Toxiproxy"},
		"a page":            {page.URL, "no Toxiproxy"},
		"somebody else's":   {proxyServer(t).URL, "no proxy for a_b, a_c"},
		"a nonsense listen": {proxyServer(t, topology.ProxyConfig{Name: "a_b", Listen: "nowhere"}).URL, "a_b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := running.Config{Toxiproxy: c.url}.Links(t.Context(), small())
			require.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, c.url)
		})
	}
}

func TestAllThatIsMissingIsSaidAtOnce(t *testing.T) {
	_, err := running.Config{Shop: "http://shop", Prometheus: "http://prometheus"}.Attach(t.Context(), small())
	var missing *running.MissingError
	require.ErrorAs(t, err, &missing)
	require.Len(t, missing.Lines, 4)
	for _, words := range []string{"--toxiproxy (or LAB_TOXIPROXY)", "--observer (or LAB_OBSERVER)", "--rabbit", "--redis", "ledger", "superuser"} {
		assert.ErrorContains(t, err, words)
	}
	assert.NotContains(t, err.Error(), "--shop")
	assert.NotContains(t, err.Error(), "--prometheus", "the laboratory can do without")
}

// TestAllThatDoesNotAnswerIsSaidAtOnce: a port where nobody listens stands for
// every server, and no password is repeated.
func TestAllThatDoesNotAnswerIsSaidAtOnce(t *testing.T) {
	s := proxyServer(t, topology.ProxyConfig{Name: "a_b", Listen: "127.0.0.1:2"}, topology.ProxyConfig{Name: "a_c", Listen: "127.0.0.1:3"})
	c := running.Config{
		Toxiproxy: s.URL, Shop: "http://127.0.0.1:1", Observer: "postgres://postgres:hush@127.0.0.1:1/eventflow?sslmode=disable",
		Rabbit: "http://eventflow:hush@" + host(t, s.URL), Redis: "redis://:hush@127.0.0.1:1", Prometheus: "http://127.0.0.1:1",
		Health: map[topology.Name]string{topology.App1: "http://127.0.0.1:1"},
	}
	_, err := c.Attach(t.Context(), small())
	for _, words := range []string{"shop:", "postgres:", "rabbitmq:", "404", "redis:", "prometheus:", "app-1:"} {
		assert.ErrorContains(t, err, words)
	}
	assert.NotContains(t, err.Error(), "hush")
}

func host(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u.Host
}

func TestEnvironmentStandsForFlags(t *testing.T) {
	env := map[string]string{
		"LAB_SHOP": "http://shop:8888", "LAB_TOXIPROXY": "http://toxiproxy:8474",
		"LAB_HEALTH": "app-1=http://app-1:8080,consumer=http://consumer:8080",
	}
	c := running.Config{Shop: "http://stated"}
	assert.False(t, c.Zero())
	require.NoError(t, c.Complete(func(name string) string { return env[name] }))
	assert.Equal(t, "http://stated", c.Shop, "what was stated wins")
	assert.Equal(t, "http://toxiproxy:8474", c.Toxiproxy)
	assert.Equal(t, map[topology.Name]string{topology.App1: "http://app-1:8080", topology.Consumer: "http://consumer:8080"}, c.Health)

	var none running.Config
	require.NoError(t, none.Complete(func(string) string { return "" }))
	assert.True(t, none.Zero())
	for _, wrong := range []string{"http://app-1:8080", "app-9=http://app-9:8080"} {
		err := new(running.Config).Complete(func(name string) string {
			if name == running.HealthEnv {
				return wrong
			}
			return ""
		})
		require.ErrorContains(t, err, "LAB_HEALTH")
		assert.ErrorContains(t, err, "app-1")
	}
}
