package native

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"eventflow/toxiproxy/topology"
)

// firstAuto is the first block that a stack without a wish is given. The demo's
// block, topology.DemoBase, lies below it, so tests never take it away.
const firstAuto = 22000

// claim is a block of ports that this process holds: as long as it lives nobody
// else's laboratory of this user takes it, and when it dies, even by SIGKILL,
// the kernel gives it back.
type claim struct {
	block topology.Block
	lock  *os.File
	guard net.Listener // for other users' laboratories, which have locks of their own
}

// guardPort is the block's last port. No service and no link has it; whoever
// listens there has the block.
func guardPort(b topology.Block) listener {
	return listener{b.Base + topology.BlockSize - 1, "the block itself"}
}

// claimBlock takes the block that starts at base, or with base 0 the first in
// which every port is free.
func claimBlock(run string, m topology.Map, base int, public bool) (*claim, error) {
	if base != 0 {
		return claimOne(run, m, topology.Block{Base: base, Public: public})
	}
	if public { // no other block would help
		if err := portsFree(publicPorts(m)); err != nil {
			return nil, err
		}
	}
	var last error
	for b := (topology.Block{Base: firstAuto, Public: public}); b.Validate() == nil; b.Base += topology.BlockSize {
		c, err := claimOne(run, m, b)
		if err == nil {
			return c, nil
		}
		last = err
	}
	return nil, fmt.Errorf("no free block of %d ports from %d up: %w", topology.BlockSize, firstAuto, last)
}

func claimOne(run string, m topology.Map, b topology.Block) (*claim, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	lock, err := lockBase(run, b.Base)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("ports %d to %d belong to a stack that is up already%s; see `lab status`, end it with `lab down`, or choose another block", b.Base, b.Base+topology.BlockSize-1, ownerOf(run, b.Base))
	}
	if err != nil {
		return nil, err
	}
	c := &claim{block: b, lock: lock}
	guard := guardPort(b)
	if c.guard, err = net.Listen("tcp", addr(guard.port)); err != nil {
		return nil, errors.Join(taken(guard, err), c.release())
	}
	if err := portsFree(ports(m, b)); err != nil {
		return nil, errors.Join(err, c.release())
	}
	return c, nil
}

func ownerOf(run string, base int) string {
	s, err := loadFrom(run, base)
	if err != nil {
		return "" // it is just starting
	}
	return fmt.Sprintf(" (lab with pid %d, since %s)", s.Lab.PID, s.Started.Format("15:04:05"))
}

// release gives the block back. The lock file goes while the lock is still held;
// see lockBase for who might be waiting for it.
func (c *claim) release() error {
	if c == nil || c.lock == nil {
		return nil
	}
	err := errors.Join(os.Remove(c.lock.Name()), c.lock.Close())
	if c.guard != nil {
		err = errors.Join(err, c.guard.Close())
	}
	c.lock = nil
	if err != nil {
		return fmt.Errorf("release ports %d: %w", c.block.Base, err)
	}
	return nil
}

// errLocked: somebody who is alive holds the lock.
var errLocked = errors.New("locked")

// lockBase locks a block's lock file without waiting. The file may be removed by
// its last holder between our opening and locking it; a lock on a removed file
// locks nothing, so the name must still lead to what was locked.
func lockBase(run string, base int) (*os.File, error) {
	path := filepath.Join(run, strconv.Itoa(base)+".lock")
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open lock: %w", err)
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(errLocked, f.Close())
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if sameFile(f, path) {
			return f, nil
		}
		_ = f.Close() // a lock on nothing
	}
}

func sameFile(f *os.File, path string) bool {
	held, err1 := f.Stat()
	named, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(held, named)
}

// listener is a port and what is going to listen there.
type listener struct {
	port  int
	owner string
}

// ports are all listeners of a stack.
func ports(m topology.Map, b topology.Block) []listener {
	var all []listener
	for _, s := range m.Services {
		all = append(all, listener{b.Of(s), string(s.Name)})
		for _, e := range s.Extra {
			all = append(all, listener{b.Extra(s, e.Name), string(s.Name) + " (" + e.Name + ")"})
		}
	}
	for _, l := range m.Links {
		all = append(all, listener{b.Link(l), "link " + l.Name()})
	}
	return all
}

func publicPorts(m topology.Map) []listener {
	var all []listener
	for _, s := range m.Services {
		if s.Public != 0 {
			all = append(all, listener{s.Public, string(s.Name)})
		}
	}
	return all
}

// portsFree reports every port that is taken, by whom as far as this user may
// see, and what to do.
func portsFree(all []listener) error {
	var errs []error
	for _, l := range all {
		ln, err := net.Listen("tcp", addr(l.port))
		if err == nil {
			err = ln.Close()
		}
		if err != nil {
			errs = append(errs, taken(l, err))
		}
	}
	return errors.Join(errs...)
}

func taken(l listener, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d for %s: %w", l.port, l.owner, err)
	}
	who := holder(l.port)
	if who == "" {
		who = "a process of another user"
	}
	return fmt.Errorf("port %d, wanted for %s, is taken by %s: end it, or choose another block of ports", l.port, l.owner, who)
}

func addr(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
