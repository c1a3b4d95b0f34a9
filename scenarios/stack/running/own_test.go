package running_test

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack/running"
	"eventflow/toxiproxy/server"
)

// realServer is our proxy server with the links of the small map.
func realServer(t *testing.T) (api string, listen map[string]string) {
	t.Helper()
	s := server.New(slog.New(slog.DiscardHandler), server.Config{})
	t.Cleanup(func() { s.Close() })
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	listen = map[string]string{}
	for _, name := range []string{"a_b", "a_c"} {
		body, err := json.Marshal(map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": true})
		require.NoError(t, err)
		listen[name] = call(t, http.MethodPost, h.URL+"/proxies", string(body)).Listen
	}
	return h.URL, listen
}

func TestLinksOfItsOwnAreBelieved(t *testing.T) {
	api, listen := realServer(t)
	e, err := running.Config{Toxiproxy: api}.Links(t.Context(), small())
	require.NoError(t, err)
	assert.Equal(t, listen, e.Links)

	// Cut, it does not answer, and is still to be healed.
	call(t, http.MethodPost, api+"/proxies/a_b", `{"enabled":false}`)
	_, err = running.Config{Toxiproxy: api}.Links(t.Context(), small())
	assert.NoError(t, err)
}

// TestAnotherStacksLinksAreNotBelieved: the proxy server of a container says where it
// listens there, and here that is somebody else's port.
func TestAnotherStacksLinksAreNotBelieved(t *testing.T) {
	api, _ := realServer(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { other.Close() })
	lying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/proxies" {
			http.Redirect(w, r, api+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"a_b": map[string]any{"name": "a_b", "listen": other.Addr().String(), "enabled": true},
			"a_c": map[string]any{"name": "a_c", "listen": "127.0.0.1:1", "enabled": true},
		})
	}))
	t.Cleanup(lying.Close)
	_, err = running.Config{Toxiproxy: lying.URL}.Links(t.Context(), small())
	require.ErrorContains(t, err, "somebody else answers for a_b at "+other.Addr().String())
	assert.NotContains(t, err.Error(), "a_c", "nobody answers there")
}

// call speaks to a proxy server's API and reads the proxy that it answers with.
func call(t *testing.T, method, url, body string) (p struct{ Listen string }) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Less(t, resp.StatusCode, http.StatusMultipleChoices)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&p))
	return p
}
