package server_test

import (
	"net/http"
	"testing"
)

func TestStrangersAreRefused(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		host, header, value string
		want                int
	}{
		"a client":              {"", "", "", 200},
		"localhost":             {"localhost:8474", "", "", 200},
		"an address":            {"192.168.1.2:8474", "", "", 200},
		"a rebound name":        {"evil.example:8474", "", "", 403},
		"a name without a port": {"evil.example", "", "", 403},
		"a page from elsewhere": {"localhost:8474", "Origin", "http://evil.example", 403},
		"another local page":    {"localhost:8474", "Origin", "http://localhost:3000", 403},
		"a sandboxed page":      {"localhost:8474", "Origin", "null", 403},
		"its own page":          {"localhost:8474", "Origin", "http://localhost:8474", 200},
		"a cross-site fetch":    {"", "Sec-Fetch-Site", "cross-site", 403},
		"a browser":             {"", "User-Agent", "Mozilla/5.0", 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", r.url+"/version", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.host != "" {
			req.Host = c.host
		}
		if c.header != "" {
			req.Header.Set(c.header, c.value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, res.StatusCode, c.want)
		}
	}
}
