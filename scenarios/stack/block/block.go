// Package block claims ports on this host, so that two stacks never meet: a block
// belongs to one living process.
//
// It must not know what listens there, nor what a stack is made of.
package block

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"eventflow/toxiproxy/topology"
)

// Host is where every stack on this machine listens, and nobody else's network
// reaches.
const Host = "127.0.0.1"

// firstAuto is the first block that a stack without a wish is given. The demo's
// block, topology.DemoBase, lies below it, so tests never take it away.
const firstAuto = 22000

// Claim is a block of ports that this process holds: as long as it lives nobody
// else's laboratory of this user takes it, and when it dies, even by SIGKILL,
// the kernel gives it back.
type Claim struct {
	Block topology.Block
	lock  *os.File
	path  string       // the lock's, once it was locked
	guard net.Listener // for other users' laboratories, which have locks of their own
}

// guardPort is the block's last port. No service and no link has it; whoever
// listens there has the block.
func guardPort(b topology.Block) listener {
	return listener{b.Base + topology.BlockSize - 1, "the block itself"}
}

// Take takes the block that starts at base, or with base 0 the first in which
// every port is free. run is where this user's claims are noted: see OpenRunDir.
func Take(run string, m topology.Map, base int, public bool) (*Claim, error) {
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

func claimOne(run string, m topology.Map, b topology.Block) (*Claim, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	lock, err := lockBase(run, b.Base)
	if errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("ports %d to %d belong to a stack that is up already%s; see `lab status`, end it with `lab down`, or choose another block", b.Base, b.Base+topology.BlockSize-1, ownerOf(run, b.Base))
	}
	if err != nil {
		return nil, err
	}
	c := &Claim{Block: b, lock: lock, path: lock.Name()}
	guard := guardPort(b)
	if c.guard, err = net.Listen("tcp", addr(guard.port)); err != nil {
		return nil, errors.Join(taken(guard, err), c.Release())
	}
	if err := portsFree(ports(m, b)); err != nil {
		return nil, errors.Join(err, c.Release())
	}
	if err := sign(lock); err != nil {
		return nil, errors.Join(err, c.Release())
	}
	return c, nil
}

// Lock takes the block that starts at base without a look at its ports, to clear
// up what its last holder has left. It fails with ErrLocked while that one lives.
func Lock(run string, base int) (*Claim, error) {
	lock, err := lockBase(run, base)
	if err != nil {
		return nil, err
	}
	return &Claim{Block: topology.Block{Base: base}, lock: lock, path: lock.Name()}, nil
}

// Dir is where the holder of the block may keep files.
func (c *Claim) Dir() string { return strings.TrimSuffix(c.path, lockSuffix) }

// Held says whether the block is still this process's.
func (c *Claim) Held() bool { return c != nil && c.lock != nil }

// sign writes into the lock file whose it is.
func sign(lock *os.File) error {
	if err := lock.Truncate(0); err != nil { // a dead holder's
		return fmt.Errorf("sign lock: %w", err)
	}
	if _, err := fmt.Fprintf(lock, "lab with pid %d, since %s", os.Getpid(), time.Now().Format("15:04:05")); err != nil {
		return fmt.Errorf("sign lock: %w", err)
	}
	return nil
}

// ownerOf is what the holder has signed with.
func ownerOf(run string, base int) string {
	f, err := os.Open(lockPath(run, base))
	if err != nil {
		return "" // it is just going
	}
	defer f.Close()
	signed, err := io.ReadAll(io.LimitReader(f, 100))
	if err != nil || len(signed) == 0 {
		return "" // it is just starting
	}
	return " (" + string(signed) + ")"
}

// Release gives the block back; it may be called again. The lock file goes while
// the lock is still held;
// see lockBase for who might be waiting for it.
func (c *Claim) Release() error {
	if !c.Held() {
		return nil
	}
	if err := errors.Join(os.Remove(c.path), c.Unlock()); err != nil {
		return fmt.Errorf("release ports %d: %w", c.Block.Base, err)
	}
	return nil
}

// Unlock lets go of the block and leaves what its last holder has left, for
// another try at clearing it up.
func (c *Claim) Unlock() error {
	err := c.lock.Close()
	if c.guard != nil {
		err = errors.Join(err, c.guard.Close())
	}
	c.lock = nil
	return err
}

// ErrLocked: somebody who is alive holds the block.
var ErrLocked = errors.New("locked")

const lockSuffix = ".lock"

func lockPath(run string, base int) string {
	return filepath.Join(run, strconv.Itoa(base)+lockSuffix)
}

// lockBase locks a block's lock file without waiting. The file may be removed by
// its last holder between our opening and locking it; a lock on a removed file
// locks nothing, so the name must still lead to what was locked.
func lockBase(run string, base int) (*os.File, error) {
	path := lockPath(run, base)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open lock: %w", err)
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(ErrLocked, f.Close())
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

func addr(port int) string { return net.JoinHostPort(Host, strconv.Itoa(port)) }
