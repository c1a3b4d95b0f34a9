//go:build !linux

package native

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// attributes: without Linux's namespaces and death signal a child that outlives a
// killed laboratory is found by Sweep at the next start.
func attributes(_ bool, user *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if user != nil {
		attr.Credential = &syscall.Credential{Uid: user.uid, Gid: user.gid}
	}
	return attr
}

func canIsolate(*starter) bool { return false }

// startMark tells one process from a later one of the same PID: the second in
// which it began. Empty when there is no such process.
func startMark(pid int) string {
	out, err := exec.Command("ps", "-o", "lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// processState is ps's letters for what a process does; empty when there is none.
func processState(pid int) string {
	out, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// stopped says whether the process stands still, by signal.
func stopped(pid int) bool { return strings.HasPrefix(processState(pid), "T") }

// parents maps every process to its parent.
func parents() map[int]int {
	out, err := exec.Command("ps", "-axo", "pid=,ppid=").Output()
	if err != nil {
		return nil
	}
	all := map[int]int{}
	for _, line := range strings.Split(string(out), "\n") {
		if f := strings.Fields(line); len(f) == 2 {
			pid, err1 := strconv.Atoi(f[0])
			parent, err2 := strconv.Atoi(f[1])
			if err1 == nil && err2 == nil {
				all[pid] = parent
			}
		}
	}
	return all
}

// marked finds nothing: other systems do not show a process's environment.
func marked(string) []int { return nil }
