package native

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"eventflow/scenarios/stack"
)

// errEnded: the process is not there any more.
var errEnded = errors.New("it has ended; start it")

// frozen is what of a process was made to stand still. The zero value: nothing.
type frozen struct {
	mu    sync.Mutex
	tree  []Process
	guard *exec.Cmd
}

// freeze stops the process and everything below it and returns when all stand
// still. What it has begun and cannot finish it takes back.
func (l launcher) freeze(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tree, err := standStill(ctx, p.itself())
	if err == nil {
		err = l.hold(p, tree)
	}
	if err == nil && p.gone() { // before there was anything to forget
		p.frozen.thawed()
		err = errEnded
	}
	if err != nil {
		wake(tree)
	}
	return err
}

// hold notes what stands still, and sees to it that it cannot outlive the
// laboratory.
func (l launcher) hold(p *process, tree []Process) error {
	p.frozen.mu.Lock()
	defer p.frozen.mu.Unlock()
	if !p.isolated {
		guard, err := l.watch(tree)
		if err != nil {
			return err
		}
		p.frozen.guard = guard
	}
	p.frozen.tree = tree
	return nil
}

// watch starts a shell that kills the processes when the laboratory dies. A
// stopped process hears of no parent's death: PostgreSQL's backends and Erlang's
// helpers would stand there for ever. The kernel closes the pipe that the shell
// reads, however the laboratory ends.
func (l launcher) watch(tree []Process) (*exec.Cmd, error) {
	args := []string{"-c", `read -r _; kill -9 "$@"`, "sh"}
	for _, p := range tree {
		args = append(args, strconv.Itoa(p.PID))
	}
	guard := exec.Command("/bin/sh", args...)
	guard.Env = []string{l.mark}
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C is not for it
	if _, err := guard.StdinPipe(); err != nil {
		return nil, fmt.Errorf("guard of stopped processes: %w", err)
	}
	if err := l.start(guard); err != nil {
		return nil, fmt.Errorf("guard of stopped processes: %w", err)
	}
	return guard, nil
}

// thaw lets everything go on that freeze has stopped. Nothing stopped: nothing to
// do.
func (p *process) thaw() {
	wake(p.frozen.thawed())
}

// thawed forgets what stood still and ends its guard, which must not live to see
// its PIDs belong to others.
func (f *frozen) thawed() []Process {
	f.mu.Lock()
	defer f.mu.Unlock()
	tree, guard := f.tree, f.guard
	f.tree, f.guard = nil, nil
	if guard != nil {
		_ = guard.Process.Kill()
		_ = guard.Wait() // its error says that it was killed
	}
	return tree
}

// die ends what stands still below a process that is gone: it would stand there
// for ever.
func (f *frozen) die() {
	for _, p := range f.thawed() {
		p.end()
	}
}

// count is how many processes stand still.
func (f *frozen) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.tree)
}

func (f *frozen) any() bool { return f.count() > 0 }

func wake(tree []Process) {
	for _, p := range tree {
		if p.Alive() {
			_ = syscall.Kill(p.PID, syscall.SIGCONT) // died meanwhile: then it needs no waking
		}
	}
}

// standStill stops a process and everything below it. It is done when a look at
// the tree finds nobody but those who stood still at the look before: somebody
// who still ran then may have forked after being counted.
func standStill(ctx context.Context, root Process) ([]Process, error) {
	var tree []Process
	still := map[Process]bool{}
	err := stack.Until(ctx, time.Millisecond, func(context.Context) error {
		before := maps.Clone(still)
		tree = treeOf(root)
		for _, p := range tree {
			still[p] = stopped(p.PID)
			if !still[p] {
				_ = syscall.Kill(p.PID, syscall.SIGSTOP) // gone: the next look will not find it
			}
		}
		return settled(tree, before)
	})
	if err == nil && len(tree) == 0 {
		err = errEnded
	}
	return tree, err
}

func settled(tree []Process, still map[Process]bool) error {
	for _, p := range tree {
		if !still[p] {
			return fmt.Errorf("process %d is not known to stand still", p.PID)
		}
	}
	return nil
}

// treeOf is the process and everything below it, as far as it lives. When the
// root has ended there is none: whoever has its PID now is somebody else.
func treeOf(root Process) []Process {
	if !root.Alive() {
		return nil
	}
	alive := []Process{root}
	for _, p := range descendants(root.PID) {
		if p.Start != "" { // else a zombie, which holds nothing
			alive = append(alive, p)
		}
	}
	return alive
}
