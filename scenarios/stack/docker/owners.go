package docker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/moby/client"
)

// Owners are the processes of this machine whose work, with that of all below them,
// is the stack's own: each container's first process and the engine's shim above it,
// and the engine itself, which carries what goes through published ports. They change
// with every life. Where the engine runs on another machine there are none.
func (s *Stack) Owners() []int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var owners []int
	for n, l := range s.living() {
		known := l.owners.Load()
		if known == nil { // asked once in a life
			if b, err := s.box(n); err == nil {
				known = s.ownersOf(ctx, b)
				l.owners.Store(known)
			}
		}
		if known != nil {
			owners = append(owners, *known...)
		}
	}
	if len(owners) == 0 {
		return nil
	}
	return append(owners, engines()...)
}

// ownersOf are a container's first process and its shim. Another machine's process of
// that number could be anybody here, so the kernel is asked whether it is the
// container's.
func (s *Stack) ownersOf(ctx context.Context, b *box) *[]int {
	now, err := s.engine.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
	if err != nil || now.Container.State == nil || now.Container.State.Pid == 0 {
		return nil
	}
	pid := now.Container.State.Pid
	group, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil || !bytes.Contains(group, []byte(b.id)) {
		return nil
	}
	if shim := parent(pid); shim > 1 {
		return &[]int{pid, shim}
	}
	return &[]int{pid}
}

// parent is the process's parent, 0 if it is not to be had.
func parent(pid int) int {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:])) // the name before may contain anything
	if len(fields) < 2 {
		return 0
	}
	id, _ := strconv.Atoi(fields[1]) // 0, if it is no number
	return id
}

// engines are the processes of the container engine on this machine.
func engines() []int {
	var pids []int
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil
	}
	for _, path := range names {
		name, _ := os.ReadFile(path) // gone meanwhile: no engine
		switch strings.TrimSpace(string(name)) {
		case "dockerd", "containerd":
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
