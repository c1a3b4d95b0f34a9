package native

import (
	"os/exec"
	"runtime"
	"sync"
)

// starter starts every child of a stack from one operating system thread that
// lives as long as the stack. Linux ties the parent's death signal to the thread
// that forked, not to the process: a child started from an ordinary goroutine is
// killed at random, whenever Go retires the thread that happened to fork it.
type starter struct {
	work chan func()
	done chan struct{}
	once sync.Once
}

func newStarter() *starter {
	s := &starter{work: make(chan func()), done: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for {
			select {
			case f := <-s.work:
				f()
			case <-s.done:
				return
			}
		}
	}()
	return s
}

// start is cmd.Start on the starter's thread.
func (s *starter) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	select {
	case s.work <- func() { result <- cmd.Start() }:
		return <-result
	case <-s.done:
		return errDown
	}
}

// stop ends the thread, and with it every child that is still there.
func (s *starter) stop() { s.once.Do(func() { close(s.done) }) }
