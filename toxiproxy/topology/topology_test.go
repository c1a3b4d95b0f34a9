package topology_test

import (
	"strings"
	"testing"

	"eventflow/toxiproxy/topology"
)

func TestEventFlowIsConsistent(t *testing.T) {
	m := topology.EventFlow()
	if err := m.Validate(); err != nil {
		t.Fatalf("the map contradicts itself:\n%v", err)
	}
	if got := len(m.Links); got != 17 {
		t.Errorf("%d links, want the design's 17", got)
	}
	if err := (topology.Block{Base: topology.DemoBase}).Validate(); err != nil {
		t.Errorf("the block people use: %v", err)
	}
}

func TestNoLinkIsThereTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range topology.EventFlow().Links {
		if seen[l.Name()] {
			t.Errorf("%s is there twice", l)
		}
		seen[l.Name()] = true
	}
}

func TestStoresAreReachedOnlyThroughLinks(t *testing.T) {
	m := topology.EventFlow()
	for to, want := range map[topology.Name]int{
		topology.PostgresDB: 5, topology.RedisDB: 4, topology.RabbitMQ: 4, topology.Auth: 1, topology.Prometheus: 0,
	} {
		if got := len(m.LinksTo(to)); got != want {
			t.Errorf("%d links end at %s, want %d", got, to, want)
		}
	}
}

func TestSelect(t *testing.T) {
	tests := map[string]struct {
		patterns []string
		want     string
	}{
		"nothing":             {nil, ""},
		"a link":              {[]string{"app-2_redis"}, "app-2_redis"},
		"a service":           {[]string{"rabbitmq"}, "app-1_rabbitmq app-2_rabbitmq app-3_rabbitmq consumer_rabbitmq"},
		"a glob":              {[]string{"app-*_redis"}, "app-1_redis app-2_redis app-3_redis"},
		"a glob from one end": {[]string{"app-1_*"}, "app-1_redis app-1_rabbitmq app-1_postgres"},
		"each once":           {[]string{"auth_postgres", "auth_*", "*_postgres", "auth_postgres"}, "app-1_postgres app-2_postgres app-3_postgres auth_postgres consumer_postgres"},
		"map order":           {[]string{"consumer_redis", "nginx_app-1"}, "nginx_app-1 consumer_redis"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			links, err := topology.EventFlow().Select(tt.patterns...)
			if err != nil {
				t.Fatal(err)
			}
			if got := names(links); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSelectAll(t *testing.T) {
	m := topology.EventFlow()
	links, err := m.Select("all")
	if err != nil || names(links) != names(m.Links) {
		t.Errorf("all = %s, %v", names(links), err)
	}
}

func TestSelectNamesTheLinksThereAre(t *testing.T) {
	for _, pattern := range []string{"app-4_redis", "prometheus", "app-[", "*_mysql", ""} {
		t.Run(pattern, func(t *testing.T) {
			_, err := topology.EventFlow().Select("redis", pattern)
			if err == nil {
				t.Fatal("accepted")
			}
			if pattern != "app-[" && !strings.Contains(err.Error(), "nginx_app-1, nginx_app-2") {
				t.Errorf("does not list the links: %v", err)
			}
		})
	}
}

func TestValidateSeesEveryContradiction(t *testing.T) {
	m := topology.Map{
		Services: []topology.Service{
			{Name: "a", Offset: 1},
			{Name: "a", Offset: 2},
			{Name: "b", Offset: 2, Extra: []topology.Port{{Name: "metrics", Offset: topology.BlockSize}}},
		},
		Links: []topology.Link{
			{From: "a", To: "b", Offset: 40},
			{From: "a", To: "b", Offset: 41},
			{From: "b", To: "nobody", Offset: 40},
		},
	}
	err := m.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"a is in the map twice",
		"b: offset 2 belongs to a",
		"b metrics: offset 100 is outside the block",
		"a_b is in the map twice",
		"b_nobody: offset 40 belongs to a_b",
		`link b_nobody: no service "nobody"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("does not say %q:\n%v", want, err)
		}
	}
}

func TestBlockKeepsOutOfOthersPorts(t *testing.T) {
	for base, ok := range map[int]bool{1000: false, 1024: true, 32668: true, 32669: false, 40000: false} {
		if err := (topology.Block{Base: base}).Validate(); (err == nil) != ok {
			t.Errorf("base %d: %v", base, err)
		}
	}
}

func TestBlockPorts(t *testing.T) {
	m := topology.EventFlow()
	edge, _ := m.Service(topology.Nginx)
	link, _ := m.Link("app-1_postgres")
	inner, public := topology.Block{Base: 21000}, topology.Block{Base: 21000, Public: true}
	for what, pair := range map[string][2]int{
		"nginx":          {inner.Of(edge), 21000},
		"nginx, public":  {public.Of(edge), 8888},
		"nginx status":   {public.Extra(edge, "status"), 21001},
		"nginx nonsense": {public.Extra(edge, "nonsense"), 0},
		"app-1_postgres": {public.Link(link), 21046},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: port %d, want %d", what, pair[0], pair[1])
		}
	}
	if got := link.Env(); got != "POSTGRES_ADDR" {
		t.Errorf("Env = %s", got)
	}
}

func names(links []topology.Link) string {
	out := make([]string, len(links))
	for i, l := range links {
		out[i] = l.Name()
	}
	return strings.Join(out, " ")
}
