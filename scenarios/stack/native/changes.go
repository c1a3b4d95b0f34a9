package native

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// schema is what a new database is made of.
const schema = "init.sql"

// configurable are the services whose configuration Settings can change.
var configurable = []topology.Name{topology.PostgresDB, topology.RedisDB, topology.RabbitMQ}

// validate refuses what would silently change nothing: a stack that is other than
// it was asked to be proves something about another system.
func (c Config) validate() error {
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
	return file == schema || file == siteTemplate || (strings.HasPrefix(file, "system/") && path.Ext(file) == ".go")
}

// edit makes the stack's own view of the source tree.
func (s *Stack) edit(source string) (err error) {
	dir := s.path("source")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make folder for edited files: %w", err)
	}
	if s.tree, err = overlay.Apply(source, dir, s.cfg.Edits); err != nil {
		return fmt.Errorf("edit EventFlow: %w", err)
	}
	return nil
}

// buildEdited builds EventFlow's programs, if their source was edited, into the
// stack's own bin folder: nobody else may get them. It takes what it has built out
// of wanted.
func (s *Stack) buildEdited(ctx context.Context, source string, wanted map[string]string) error {
	if s.tree.Overlay() == "" {
		return nil
	}
	var packages []string
	for _, p := range stack.Programs() {
		if pkg, ok := wanted[p.Binary]; ok {
			packages = append(packages, pkg)
			delete(wanted, p.Binary)
		}
	}
	if len(packages) == 0 {
		return nil
	}
	return goBuild(ctx, source, s.path("bin"), s.tree.Overlay(), packages)
}

// changed are the settings that somebody wants other than they are, by name.
func (s *Stack) changed(service topology.Name) iter.Seq2[string, string] {
	values := s.cfg.Settings[service]
	return func(yield func(string, string) bool) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if !yield(name, values[name]) {
				return
			}
		}
	}
}
