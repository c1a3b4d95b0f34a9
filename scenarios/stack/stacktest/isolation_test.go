package stacktest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/toxiproxy/topology"
)

// whole is a stack in which nothing is missing.
func whole() picture {
	p := picture{
		ready: map[topology.Name]map[string]bool{
			topology.Auth:     {"postgres": true},
			topology.Consumer: {"postgres": true, "redis": true, "rabbitmq": true},
		},
		nodes: map[topology.Name]bool{},
		enter: answer{status: http.StatusOK},
	}
	for _, n := range []topology.Name{topology.App1, topology.App2, topology.App3} {
		p.ready[n] = map[string]bool{"postgres": true, "redis": true, "rabbitmq": true, "seat-locks": true}
		p.nodes[n] = true
	}
	return p
}

// lose makes the picture that follows when the link is cut.
func (p *picture) lose(l topology.Link) {
	switch {
	case l.From == topology.Nginx && l.To == topology.Auth:
		p.enter = answer{http.StatusBadGateway, "none"}
	case l.From == topology.Nginx:
		delete(p.nodes, l.To)
	default:
		p.ready[l.From][string(l.To)] = false
		if _, ok := p.ready[l.From]["seat-locks"]; ok && l.To == topology.RedisDB {
			p.ready[l.From]["seat-locks"] = false
		}
	}
}

func sawn(l topology.Link) picture {
	p := whole()
	p.lose(l)
	return p
}

func judge(cut topology.Link, p picture) view { return hall{m: topology.EventFlow()}.judge(cut, p) }

func TestALossOfItsOwnIsRight(t *testing.T) {
	assert.NoError(t, judge(topology.Link{}, whole()).err())
	for _, l := range topology.EventFlow().Links {
		assert.NoError(t, judge(l, sawn(l)).err(), l)
	}
}

// TestEveryOtherLossIsStray: with any one link cut, any other loss is seen, and so
// is that the cut has taken nothing.
func TestEveryOtherLossIsStray(t *testing.T) {
	links := topology.EventFlow().Links
	for _, cut := range links {
		assert.NotEmpty(t, judge(cut, whole()).missing, "%s is cut and nothing is missing", cut)
		assert.NotEmpty(t, judge(topology.Link{}, sawn(cut)).stray, "%s is lost and nothing is cut", cut)
		for _, other := range links {
			if other == cut {
				continue
			}
			p := sawn(cut)
			p.lose(other)
			assert.NotEmpty(t, judge(cut, p).stray, "%s is cut, and %s is lost too", cut, other)
			assert.NotEmpty(t, judge(cut, sawn(other)).missing, "%s is cut, and %s is lost instead", cut, other)
		}
	}
}

func TestWhatElseIsWrong(t *testing.T) {
	m := topology.EventFlow()
	link := func(name string) topology.Link {
		l, ok := m.Link(name)
		require.True(t, ok, name)
		return l
	}
	tests := map[string]struct {
		cut   string
		spoil func(*picture)
	}{
		"a line of the page is not there":            {"app-1_redis", func(p *picture) { delete(p.ready[topology.App2], "postgres") }},
		"half of the dependency is lost":             {"app-1_redis", func(p *picture) { p.ready[topology.App1]["seat-locks"] = true }},
		"buyers are turned away":                     {"nginx_app-1", func(p *picture) { p.odd = []string{"502 Bad Gateway"} }},
		"a guest may be in, for all that he is told": {"nginx_auth", func(p *picture) { p.enter.outcome = "unknown" }},
		"a guest gets another answer":                {"nginx_auth", func(p *picture) { p.enter.status = http.StatusNotFound }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := sawn(link(tt.cut))
			tt.spoil(&p)
			assert.Error(t, judge(link(tt.cut), p).err())
		})
	}
}

func TestALossCountsWhenItLasts(t *testing.T) {
	var begun time.Time
	s := strays{}
	for _, look := range []struct {
		after time.Duration
		saw   []string
		want  []string
	}{
		{0, []string{"a"}, nil},
		{strayLimit - 1, []string{"a", "b"}, nil},
		{strayLimit, []string{"b"}, nil}, // a is back in time
		{strayLimit + 1, []string{"a", "b"}, nil},
		{2 * strayLimit, []string{"a", "b"}, []string{"b"}},
	} {
		assert.Equal(t, look.want, s.see(look.saw, begun.Add(look.after)), look.after)
	}
}

func TestReadinessIsReadWhateverItsStatus(t *testing.T) {
	page := `{"node":"app-1","ready":false,"dependencies":[{"name":"redis","ok":false},{"name":"postgres","ok":true}]}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(page))
	}))
	defer srv.Close()
	got, err := readiness(t.Context(), srv.URL)
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"redis": false, "postgres": true}, got)
	page = "<html>"
	_, err = readiness(t.Context(), srv.URL)
	assert.Error(t, err)
}
