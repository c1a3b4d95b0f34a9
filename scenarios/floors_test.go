package scenarios_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floor is a rule: packages under from must not import, even indirectly,
// anything under to.
type floor struct {
	from, to string
	except   string // packages under from that may
	why      string
}

var floors = []floor{
	{from: "eventflow/system", to: "eventflow/toxiproxy", why: "the system must not know that it is being tested"},
	{from: "eventflow/system", to: "eventflow/scenarios", why: "the system must not know that it is being tested"},
	{from: "eventflow/toxiproxy", to: "eventflow/scenarios", why: "faults know nothing about tickets"},
	{from: "eventflow/toxiproxy", to: "eventflow/system", why: "faults know nothing about tickets"},
	{from: "eventflow/scenarios", to: "eventflow/system", why: "the lab sees EventFlow as a buyer does; a shared struct would hide a broken API"},
	{from: "eventflow/web", to: "eventflow/system", why: "the pages know the public API and nothing of who serves it"},
	{from: "eventflow/web", to: "eventflow/toxiproxy", why: "a page cannot tell a drill from a bad day"},
	{from: "eventflow/web", to: "eventflow/scenarios", why: "a page cannot tell a drill from a bad day"},
	{from: "eventflow/scenarios/traffic", to: "eventflow/toxiproxy", why: "buyers do not know what is broken"},
	{from: "eventflow/scenarios/history", to: "eventflow/toxiproxy", why: "a record does not depend on how links are broken"},
	{from: "eventflow/scenarios/history", to: "net/http", why: "a record opens no connection"},
	{from: "eventflow/scenarios/invariant", to: "net", why: "judges read a record; they touch nothing"},
	{from: "eventflow/scenarios/invariant", to: "os/exec", why: "judges read a record; they touch nothing"},
	{from: "eventflow/scenarios/overlay", to: "eventflow/scenarios/lab", why: "edits do not know what they are good for"},
	{from: "eventflow/scenarios/tamper", to: "eventflow/scenarios/lab", why: "what is wrong in a store does not depend on who wants it so"},
	{from: "eventflow/scenarios/tamper", to: "eventflow/scenarios/invariant", why: "who meddles does not judge"},
	{from: "eventflow/scenarios/machine", to: "eventflow/scenarios/lab", why: "a meter of the processor knows no drill"},
	{from: "eventflow/scenarios/mutants", to: "eventflow/scenarios/stack/native", why: "mutants are data; how they are built and run is not theirs"},
	{from: "eventflow/scenarios/lab", to: "testing", why: "one engine serves go test, the command line and the browser"},
	{from: "eventflow/scenarios/traffic", to: "testing", why: "one engine serves go test, the command line and the browser"},
	{from: "eventflow/scenarios/stack", except: "eventflow/scenarios/stack/stacktest", to: "testing", why: "one engine serves go test, the command line and the browser"},
	{from: "eventflow/toxiproxy/fault", to: "testing", why: "one engine serves go test, the command line and the browser"},
	{from: "eventflow/scenarios/cmd/lab", to: "github.com/testcontainers", why: "testcontainers and its tree stay out of the command line"},
}

// judges may import this repository's history and nothing else of it.
const judges, record = "eventflow/scenarios/invariant", "eventflow/scenarios/history"

type pkg struct {
	ImportPath string
	Deps       []string
}

// TestFloors holds the import rules of this repository, each with its reason.
func TestFloors(t *testing.T) {
	packages := list(t)
	for _, f := range floors {
		require.NotEmpty(t, under(packages, f.from), "rule guards nothing: no package under %s", f.from)
		for _, p := range under(packages, f.from) {
			if f.except != "" && within(p.ImportPath, f.except) {
				continue
			}
			for _, dep := range p.Deps {
				if within(dep, f.to) {
					t.Errorf("%s imports %s: %s", p.ImportPath, dep, f.why)
				}
			}
		}
	}
	for _, p := range under(packages, judges) {
		for _, dep := range p.Deps {
			if within(dep, "eventflow") && !within(dep, record) && !within(dep, judges) {
				t.Errorf("%s imports %s: judges import the record alone", p.ImportPath, dep)
			}
		}
	}
}

// TestFloorsBite shows that the rules are not vacuous: a rule that forbids what a
// package certainly imports must see it.
func TestFloorsBite(t *testing.T) {
	var seen bool
	for _, p := range under(list(t), "eventflow/scenarios/lab") {
		for _, dep := range p.Deps {
			seen = seen || within(dep, "eventflow/toxiproxy/fault")
		}
	}
	require.True(t, seen, "the lab must be seen to import the injector")
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Deps", "eventflow/...").Output()
	require.NoError(t, err, "go list")
	var packages []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err, "decode go list")
		packages = append(packages, p)
	}
}

func under(packages []pkg, root string) []pkg {
	var out []pkg
	for _, p := range packages {
		if within(p.ImportPath, root) {
			out = append(out, p)
		}
	}
	return out
}

// within says whether path is root or below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}
