package selftest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// forgetful passes everything on to the proxy server but changes of toxics, which it
// only remembers for whoever asks.
func forgetful(t *testing.T, api string) http.Handler {
	t.Helper()
	target, err := url.Parse(api)
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetter{toxics: map[string]map[string]map[string]any{}}
	f.behind = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: f.pretend,
	}
	return f
}

type forgetter struct {
	behind *httputil.ReverseProxy

	mu     sync.Mutex
	toxics map[string]map[string]map[string]any // proxy -> name -> toxic
}

func (f *forgetter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 3 || parts[2] != "toxics" {
		f.behind.ServeHTTP(w, r)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.toxics[parts[1]]
	if of == nil {
		of = map[string]map[string]any{}
		f.toxics[parts[1]] = of
	}
	var told map[string]any
	_ = json.NewDecoder(r.Body).Decode(&told) // a DELETE has none
	switch {
	case r.Method == http.MethodDelete:
		delete(of, parts[3])
		w.WriteHeader(http.StatusNoContent)
		return
	case len(parts) == 4:
		of[parts[3]]["attributes"] = told["attributes"]
		told = of[parts[3]]
	default:
		of[told["name"].(string)] = told
	}
	told["lease"] = r.Header.Get("Toxiproxy-Lease")
	_ = json.NewEncoder(w).Encode(told) // the client is there
}

// pretend puts the toxics into the description of a proxy.
func (f *forgetter) pretend(res *http.Response) error {
	parts := strings.Split(strings.Trim(res.Request.URL.Path, "/"), "/")
	if len(parts) != 2 || parts[0] != "proxies" || res.StatusCode != http.StatusOK {
		return nil
	}
	var proxy map[string]any
	if err := json.NewDecoder(res.Body).Decode(&proxy); err != nil {
		return err
	}
	f.mu.Lock()
	list := []any{}
	for _, t := range f.toxics[parts[1]] {
		list = append(list, t)
	}
	f.mu.Unlock()
	proxy["toxics"] = list
	b, err := json.Marshal(proxy)
	if err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(b))
	res.ContentLength = int64(len(b))
	res.Header.Del("Content-Length")
	return nil
}
