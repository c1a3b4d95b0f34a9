package topology_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"eventflow/toxiproxy/topology"
)

var update = flag.Bool("update", false, "write the golden files from the map")

// The proxy server of docker-compose.yml reads this file. It is written from the
// map, and this test keeps anybody from writing it by hand.
func TestGoldenToxiproxyJSON(t *testing.T) {
	golden := filepath.Join("..", "toxiproxy.json")
	want, err := json.MarshalIndent(topology.EventFlow().Containers(topology.Block{Base: topology.DemoBase}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(golden, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the map says; run: go test ./toxiproxy/topology -update", golden)
	}
}

func TestContainersNameServicesAndConventionalPorts(t *testing.T) {
	for _, p := range topology.EventFlow().Containers(topology.Block{Base: topology.DemoBase}) {
		if p.Name != "app-1_postgres" {
			continue
		}
		want := topology.ProxyConfig{Name: "app-1_postgres", Listen: "0.0.0.0:21046", Upstream: "postgres:5432", Enabled: true}
		if p != want {
			t.Errorf("got %+v, want %+v", p, want)
		}
		return
	}
	t.Error("app-1_postgres has no proxy")
}
