package stack_test

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

var update = flag.Bool("update", false, "write the golden files from the map")

// Prometheus of docker-compose.yml reads this file. It is written from the map,
// and this test keeps anybody from writing it by hand.
func TestGoldenPrometheusYML(t *testing.T) {
	golden := filepath.Join("..", "..", "grafana", "prometheus.yml")
	want := stack.ScrapeContainers(topology.EventFlow(), "/etc/prometheus/rules/*.yml")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(want), 0o644))
	}
	got, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "run: go test ./scenarios/stack -run Golden -update")
}

func TestScrapeGoesRoundTheProxies(t *testing.T) {
	m, block := topology.EventFlow(), topology.Block{Base: 22000}
	text := stack.Scrape(m, "rules", func(s topology.Service, listener string) string {
		if listener != "" {
			return strconv.Itoa(block.Extra(s, listener))
		}
		return strconv.Itoa(block.Of(s))
	})
	for _, p := range stack.Programs() {
		svc, _ := m.Service(p.Service)
		assert.Contains(t, text, strconv.Itoa(block.Of(svc)), "%s is not watched", p.Service)
	}
	for _, l := range m.Links {
		assert.NotContains(t, text, strconv.Itoa(block.Link(l)), "link %s is used to watch", l)
	}
}

// A native stack runs no exporter: Prometheus must not miss one there.
func TestOnlyContainersHaveExporters(t *testing.T) {
	m := topology.EventFlow()
	native := stack.Scrape(m, "rules", func(topology.Service, string) string { return "" })
	containers := stack.ScrapeContainers(m, "rules")
	for _, e := range stack.Exporters() {
		assert.NotContains(t, native, e.Name)
		assert.Contains(t, containers, "names: ["+e.Name+"]", "found where it runs, not missed where it does not")
		_, known := m.Service(e.Of)
		assert.True(t, known, e.Of)
	}
}
