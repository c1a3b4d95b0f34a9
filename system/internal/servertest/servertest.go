// Package servertest starts real servers for the tests of one package: one
// PostgreSQL, RabbitMQ or Redis each on a free loopback port, gone with the
// test process.
//
// It must not know what the tests do with them, and nothing but tests imports
// it. It never stands in for a server: where the program is not installed the
// test is skipped, and fails in CI.
package servertest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bootTimeout is ten times the slowest boot measured (RabbitMQ, 1.3 s idle,
// 5.9 s without the module preload).
const bootTimeout = 60 * time.Second

// Process is one running server.
type Process struct {
	cmd    *exec.Cmd
	start  func() *exec.Cmd
	output *syncBuffer
	exited chan struct{}
	ready  func(context.Context) error
}

// need skips the test where a program is not installed; CI must have it.
func need(tb testing.TB, programs ...string) {
	tb.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			absent(tb, p)
		}
	}
}

func absent(tb testing.TB, program string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is not installed, and CI must have it", program)
	}
	tb.Skipf("%s is not installed", program)
}

// FreePort asks the system for a port that nobody listens on.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("find a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// room is a directory other users may enter: t.TempDir's parents are 0700,
// which stops a server that runs as nobody.
func room(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "eventflow-test-")
	if err != nil {
		tb.Fatalf("make a directory: %v", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatalf("open up %s: %v", dir, err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// run starts a server and waits until it answers.
func run(tb testing.TB, start func() *exec.Cmd, ready func(context.Context) error) *Process {
	tb.Helper()
	p := &Process{start: start, ready: ready, output: &syncBuffer{}}
	tb.Cleanup(func() { p.Kill(tb) })
	p.Start(tb)
	return p
}

// Start starts a killed server again, on the data it left.
func (p *Process) Start(tb testing.TB) {
	tb.Helper()
	p.cmd, p.exited = p.start(), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.fork(); err != nil {
		tb.Fatalf("start %s: %v", p.cmd.Path, err)
	}
	WaitFor(tb, bootTimeout, func(ctx context.Context) error {
		select {
		case <-p.exited:
			tb.Fatalf("%s ended: %s", filepath.Base(p.cmd.Path), p.output.tail())
			return nil
		default:
			return p.ready(ctx)
		}
	})
}

// fork starts the child from a thread of its own that lives as long as the
// child: Pdeathsig is tied to the thread, and Go ends threads at will.
func (p *Process) fork() error {
	attr := p.cmd.SysProcAttr
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Setpgid, attr.Pdeathsig = true, syscall.SIGKILL
	p.cmd.SysProcAttr = attr
	started, exited := make(chan error, 1), p.exited
	cmd := p.cmd
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its output; tests kill it on purpose
		}
		close(exited)
	}()
	return <-started
}

// Kill ends the server as kill -9 does, with all its children.
func (p *Process) Kill(tb testing.TB) {
	tb.Helper()
	p.signal(tb, syscall.SIGKILL)
	<-p.exited
}

// Pause stops the server without closing its connections: silence.
func (p *Process) Pause(tb testing.TB) { tb.Helper(); p.signal(tb, syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Process) Resume(tb testing.TB) { tb.Helper(); p.signal(tb, syscall.SIGCONT) }

func (p *Process) signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	select {
	case <-p.exited:
		return
	default:
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && err != syscall.ESRCH {
		tb.Errorf("signal %v to %s: %v", s, p.cmd.Path, err)
	}
}

// WaitFor tries until it works, and reports the last error when it never did.
func WaitFor(tb testing.TB, limit time.Duration, try func(context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil {
			last = err // a try that the limit cut short has nothing to say
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("not within %v: %v", limit, last)
		case <-tick.C:
		}
	}
}

// syncBuffer keeps what a server prints, for the report of a failed start.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len() > 1<<20 {
		b.buf.Reset()
	}
	return b.buf.Write(p)
}

func (b *syncBuffer) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.buf.Bytes()
	return string(out[max(0, len(out)-2000):])
}
