// Package change says in what one stack differs from the next: what its programs
// are told, how its servers are set, and what is edited in the source that it is
// made from.
//
// It must not know what a change is good for, nor how a stack is made.
package change

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// Files of the source tree from which a stack is made, beside its programs.
const (
	// Schema is what a new database is made of.
	Schema = "init.sql"
	// SiteTemplate is EventFlow's own nginx configuration: upstreams and servers, as
	// they stand inside http{}. Addresses in it are ${NAMES}, which the container
	// image replaces too.
	SiteTemplate = "system/nginx/eventflow.conf.template"
)

// Changes are what makes a stack other than it is by itself. The zero value changes
// nothing.
type Changes struct {
	// Env is set for EventFlow's programs on top of what the stack tells them.
	Env map[string]string
	// ServiceEnv is set on top of Env, by program; "" stands for all of them.
	ServiceEnv map[topology.Name]map[string]string
	// Settings changes a server's configuration, by service and name: parameters of
	// PostgreSQL, lines of redis.conf, and, as Erlang terms, those of the broker's
	// application rabbit.
	Settings map[topology.Name]map[string]string
	// Edits change what is built and read from the source tree.
	Edits []overlay.Edit
}

// configurable are the services whose configuration Settings can change.
var configurable = []topology.Name{topology.PostgresDB, topology.RedisDB, topology.RabbitMQ}

// Validate refuses what would silently change nothing: a stack that is other than
// it was asked to be proves something about another system.
func (c Changes) Validate() error {
	var errs []error
	for service := range c.Settings {
		if !slices.Contains(configurable, service) {
			errs = append(errs, fmt.Errorf("settings of %q: only those of %v can be changed", service, configurable))
		}
	}
	for service := range c.ServiceEnv {
		if service != "" && !slices.ContainsFunc(stack.Programs(), func(p stack.Program) bool { return p.Service == service }) {
			errs = append(errs, fmt.Errorf("environment of %q: it is no program of EventFlow", service))
		}
	}
	for _, e := range c.Edits {
		if !matters(e.File) {
			errs = append(errs, fmt.Errorf("edit of %s: no stack is made from it", e.File))
		}
	}
	return errors.Join(errs...)
}

// matters says whether a stack is made from this file.
func matters(file string) bool {
	return file == Schema || file == SiteTemplate || (strings.HasPrefix(file, "system/") && path.Ext(file) == ".go")
}

// Tell puts what the program is to be told on top of what it is told already.
func (c Changes) Tell(program topology.Name, env map[string]string) {
	maps.Copy(env, c.Env)
	maps.Copy(env, c.ServiceEnv[""])
	maps.Copy(env, c.ServiceEnv[program])
}

// Set are the settings that somebody wants other than they are, in the order of
// their names.
func (c Changes) Set(server topology.Name) iter.Seq2[string, string] {
	values := c.Settings[server]
	return func(yield func(string, string) bool) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if !yield(name, values[name]) {
				return
			}
		}
	}
}
