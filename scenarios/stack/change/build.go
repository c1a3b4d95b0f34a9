package change

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"eventflow/scenarios/stack"
)

// BuildError says that the programs could not be built, with the compiler's own
// words.
type BuildError struct{ Output string }

func (e *BuildError) Error() string {
	return "EventFlow's programs do not compile:\n    " + strings.ReplaceAll(stack.Tail([]byte(e.Output)), "\n", "\n    ")
}

// Package is what go build calls one of EventFlow's own programs.
func Package(binary string) string { return "./system/cmd/" + binary }

// Build compiles packages of the source tree into dir, each named after its
// package; overlay is go build's file of edits and may be empty, env is set on top
// of this process's own. Compile errors are a *BuildError.
//
// The version control's state is not stamped into the programs: that asks git,
// which refuses a tree of another user.
func Build(ctx context.Context, source, dir, overlay string, env []string, packages ...string) error {
	args := []string{"build", "-buildvcs=false", "-o", dir + string(filepath.Separator)}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	cmd.Dir, cmd.Env = source, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("build: %w", context.Cause(ctx))
	}
	if err != nil {
		return &BuildError{Output: fmt.Sprintf("%s\n%v: %s", out, err, strings.Join(cmd.Args, " "))}
	}
	for _, p := range packages { // go build passes over what is no program, as long as something else is
		if _, err := os.Stat(filepath.Join(dir, filepath.Base(p))); err != nil {
			return &BuildError{Output: p + " is no program"}
		}
	}
	return nil
}
