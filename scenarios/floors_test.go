package scenarios_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floor is a rule: packages under from must not import, even indirectly,
// anything under to.
type floor struct {
	from, to string
	except   []string // packages under from that may
	why      string
}

// withTestcontainers imports testing because testcontainers does; the command line
// takes it in only when it is built for that.
const withTestcontainers = "eventflow/scenarios/stack/docker"

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
	{from: "eventflow/scenarios/stack", except: []string{"eventflow/scenarios/stack/stacktest", withTestcontainers}, to: "testing", why: "one engine serves go test, the command line and the browser"},
	{from: "eventflow/scenarios/stack/running", to: "eventflow/scenarios/stack/native", why: "a stack that somebody else runs is known by its addresses alone"},
	{from: "eventflow/scenarios/stack/running", to: "eventflow/scenarios/stack/compose", why: "a stack that somebody else runs is known by its addresses alone"},
	{from: "eventflow/scenarios/stack/running", to: "os/exec", why: "who attaches starts nothing"},
	{from: "eventflow/scenarios/stack/compose", to: "eventflow/scenarios/stack/docker", why: "who reads the file does not know what is done with it"},
	{from: "eventflow/scenarios/stack/compose", to: "github.com/testcontainers", why: "who reads the file starts nothing"},
	{from: "eventflow/scenarios/stack/block", to: "eventflow/scenarios/stack/native", why: "ports belong to no one kind of stack"},
	{from: "eventflow/scenarios/stack/block", to: "eventflow/scenarios/stack/docker", why: "ports belong to no one kind of stack"},
	{from: "eventflow/scenarios/stack/native", to: "eventflow/scenarios/stack/docker", why: "processes need no container engine, nor its packages"},
	{from: "eventflow/scenarios/stack/docker", to: "eventflow/scenarios/stack/native", why: "what two kinds of stack share stands below both"},
	{from: "eventflow/scenarios/lab", to: "eventflow/scenarios/stack/native", why: "a drill does not know what its stack is made of"},
	{from: "eventflow/scenarios/lab", to: "eventflow/scenarios/stack/docker", why: "a drill does not know what its stack is made of"},
	{from: "eventflow/toxiproxy/fault", to: "testing", why: "one engine serves go test, the command line and the browser"},
	{from: "eventflow/scenarios/cmd/lab", to: "github.com/testcontainers", why: "what starts containers stays out of the command line unless it is asked for (-tags docker)"},
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
			if slices.ContainsFunc(f.except, func(root string) bool { return within(p.ImportPath, root) }) {
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

// TestContainersAreAskedFor: the same command line does start containers when it is
// built to, so that the rule above leaves out something that is there.
func TestContainersAreAskedFor(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-tags", "docker", "eventflow/scenarios/cmd/lab").Output()
	require.NoError(t, err, "go list")
	require.Contains(t, string(out), "github.com/testcontainers/testcontainers-go\n")
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
