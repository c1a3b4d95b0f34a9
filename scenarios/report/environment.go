package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"eventflow/scenarios/history"
)

// environment is what a drill ran with, as a page tells it.
type environment struct {
	Main    []setting // what a reader asks for first: compiler, system, servers, commit
	Others  []setting // libraries
	Config  []program
	Plan    string
	PlanCut bool
}

type setting struct{ Name, Value string }

type program struct {
	Name     string
	Settings []setting
}

// mostPlan is how much of a scenario's data a page carries, in bytes.
const mostPlan = 64 << 10

func environmentOf(m history.Meta) environment {
	var e environment
	for _, s := range settings(m.Versions) {
		switch {
		case strings.HasPrefix(s.Name, "vcs."): // the page tells the revision by itself
		case strings.Contains(s.Name, "/"):
			e.Others = append(e.Others, s)
		default:
			e.Main = append(e.Main, s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Config)) {
		e.Config = append(e.Config, program{name, settings(m.Config[name])})
	}
	var plan bytes.Buffer
	if json.Indent(&plan, m.Plan, "", "  ") == nil {
		e.Plan = plan.String()
	}
	if len(e.Plan) > mostPlan {
		e.Plan, e.PlanCut = strings.ToValidUTF8(e.Plan[:mostPlan], ""), true
	}
	return e
}

func settings(m map[string]string) []setting {
	list := make([]setting, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, setting{name, cut(m[name], mostInWords)})
	}
	return list
}
