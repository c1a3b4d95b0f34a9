package native

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// attributes tie a child's life to the laboratory's. A child that ignores every
// other signal is still killed when the thread that started it dies (see
// starter).
//
// isolate makes it the first process of its own PID namespace: its whole tree
// dies with it. Without that, nginx's workers outlive a killed master and go on
// serving beside their successors.
func attributes(isolate bool, user *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if isolate {
		attr.Cloneflags = syscall.CLONE_NEWPID
	}
	if user != nil {
		attr.Credential = &syscall.Credential{Uid: user.uid, Gid: user.gid}
	}
	return attr
}

// canIsolate tries it: root in a container often may not make a namespace.
func canIsolate(s *starter) bool {
	if os.Geteuid() != 0 {
		return false
	}
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = attributes(true, nil)
	if err := s.start(cmd); err != nil {
		return false
	}
	return cmd.Wait() == nil
}

// startMark tells one process from a later one of the same PID: the boot and the
// clock tick in which it began. Empty when there is no such process, or it is a
// zombie, which holds nothing any more.
func startMark(pid int) string {
	fields := stat(pid)
	if fields == nil || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + fields[19]
}

// stat is what the kernel says of a process from its state on, which is field 3
// of proc_pid_stat(5); nil if there is no such process. The name before it may
// contain anything, so it ends at the last parenthesis.
func stat(pid int) []string { return statAt(fmt.Sprintf("/proc/%d/stat", pid)) }

func statAt(path string) []string {
	line, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
	if len(fields) < 20 {
		return nil
	}
	return fields
}

// processState is the kernel's letter for what a process does: R, S, D, T; empty
// when there is none.
func processState(pid int) string {
	if fields := stat(pid); fields != nil {
		return fields[0]
	}
	return ""
}

// stopped says whether every thread of the process stands still, by signal. A
// process whose first thread does may still be working in another.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, t := range threads {
		if fields := statAt(t); fields != nil && !strings.Contains("TZX", fields[0]) {
			return false
		}
	}
	return true
}

// parents maps every process to its parent.
func parents() map[int]int {
	all := map[int]int{}
	for _, pid := range processes() {
		if fields := stat(pid); fields != nil {
			all[pid], _ = strconv.Atoi(fields[1])
		}
	}
	return all
}

// marked finds the living processes that were started with the variable in their
// environment, grandchildren included: what is left of a stack when the names of
// its processes are no longer known.
func marked(variable string) []int {
	var pids []int
	for _, pid := range processes() {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil { // gone, or not ours to look at: then not ours to kill either
			continue
		}
		for _, v := range bytes.Split(env, []byte{0}) {
			if string(v) == variable {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
