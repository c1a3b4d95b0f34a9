package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"eventflow/scenarios/stack"
)

// command is a program to start: what a child is told, and as whom it runs.
type command struct {
	path string
	args []string
	env  map[string]string
	dir  string
	user *account // nil: as the laboratory itself
}

// account is a user of this machine.
type account struct{ uid, gid uint32 }

// launcher turns commands into children that cannot outlive the laboratory.
type launcher struct {
	*starter
	isolate bool   // own PID namespace per child
	mark    string // in every child's environment; see marked
}

// prepare gives the child an environment of exactly what it needs: a variable of
// the caller's shell must not change what a drill finds.
func (l launcher) prepare(c command, log io.Writer) *exec.Cmd {
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", l.mark}
	if runtime.GOOS == "darwin" {
		cmd.Env[1] = "LANG=en_US.UTF-8" // macOS knows no C.UTF-8
	}
	for k, v := range c.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	slices.Sort(cmd.Env[3:])
	cmd.SysProcAttr = attributes(l.isolate, c.user)
	return cmd
}

// run starts a helper program and waits for it. The error carries its last lines.
func (l launcher) run(ctx context.Context, c command) error {
	var out bytes.Buffer
	cmd := l.prepare(c, &out)
	cmd.WaitDelay = time.Second // a grandchild may hold the pipe open
	if err := l.start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", c.path, err)
	}
	stop := context.AfterFunc(ctx, func() { killGroup(cmd.Process.Pid) })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return errors.Join(context.Cause(ctx), fmt.Errorf("%s: %w%s", c.path, err, stack.Quote(out.Bytes())))
	}
	return nil
}

// process is one life of one service.
type process struct {
	cmd      *exec.Cmd
	mark     string // its start mark, so that nobody else is killed in its place
	isolated bool   // its tree dies with it, by the kernel's hand
	done     chan struct{}
	err      error       // how it ended; read after done
	expected atomic.Bool // somebody asked for its end

	frozen  frozen
	alarmed atomic.Bool // the broker was told that its memory is full; it forgets that when it dies
}

// launch starts a service that writes to the log file. ended is called once,
// after the process is gone.
func (l launcher) launch(c command, log string, ended func(*process)) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer file.Close() // the child has its own copy
	p := &process{cmd: l.prepare(c, file), isolated: l.isolate, done: make(chan struct{})}
	if err := l.start(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.path, err)
	}
	p.mark = startMark(p.cmd.Process.Pid)
	go func() {
		p.err = p.cmd.Wait()
		if p.err == nil {
			p.err = errors.New("exit status 0")
		}
		close(p.done)
		p.frozen.die()
		ended(p)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) itself() Process { return Process{PID: p.pid(), Start: p.mark} }

// gone says whether this life is over.
func (p *process) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// terminate asks for an orderly end and waits for it; after grace it kills. A
// process that was stopped is woken first, or it would never hear.
func (p *process) terminate(grace time.Duration) error {
	p.expected.Store(true)
	p.thaw()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // gone already: then there is nothing to ask
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	return p.kill()
}

// kill ends the process and everything that it has started, and waits until all
// are gone. A successor would otherwise meet them: PostgreSQL refuses to start
// while one of its old backends still holds the shared memory.
func (p *process) kill() error {
	p.expected.Store(true)
	if p.gone() { // its PID may belong to somebody else by now
		return nil
	}
	tree := p.doomed()
	killGroup(p.pid())
	select {
	case <-p.done:
	case <-time.After(patience):
		return fmt.Errorf("process %d does not die: %s", p.pid(), processState(p.pid()))
	}
	for _, d := range tree { // backends lead groups of their own
		d.end()
	}
	return nil
}

// doomed is everything that has to be killed one by one. It is made to stand
// still first: a server that forks while it is being killed would leave its last
// child behind.
func (p *process) doomed() []Process {
	if p.isolated {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience/10)
	defer cancel()
	tree, err := standStill(ctx, p.itself())
	if err != nil { // half of it is dead already, or will not stop: then as it is now
		return descendants(p.pid())
	}
	return tree
}

// end kills a process unless it is gone already, and waits until it is.
func (p Process) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// What cannot be killed within patience is in the hands of the kernel; Down
	// looks again and reports it.
	_ = stack.Until(ctx, poll/10, func(context.Context) error {
		if !p.Alive() {
			return nil
		}
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
		return fmt.Errorf("process %d is still there", p.PID)
	})
}

// descendants are the process's children, their children and so on.
func descendants(pid int) []Process {
	children := map[int][]int{}
	for child, parent := range parents() {
		children[parent] = append(children[parent], child)
	}
	var all []Process
	for queue := children[pid]; len(queue) > 0; queue = queue[1:] {
		all = append(all, processOf(queue[0]))
		queue = append(queue, children[queue[0]]...)
	}
	return all
}

// killGroup kills the process and all that it has started in its group. Nothing
// to kill is what was wanted.
func killGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// lastLines is the end of a log: enough to see why a server died, not so much
// that the reason scrolls away.
func lastLines(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return stack.Tail(data)
}
