package native

import (
	"context"
	"fmt"
	"os"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/change"
)

// changes are what this stack differs in.
func (c Config) changes() change.Changes {
	return change.Changes{Env: c.Env, ServiceEnv: c.ServiceEnv, Settings: c.Settings, Edits: c.Edits}
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
	return change.Build(ctx, source, s.path("bin"), s.tree.Overlay(), nil, packages...)
}
