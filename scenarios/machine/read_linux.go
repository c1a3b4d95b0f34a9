package machine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// read adds up /proc. Time in interrupts belongs to nobody and is left out.
func read(roots []int) (reading, error) {
	r, err := whole()
	if err != nil {
		return reading{}, err
	}
	r.own, err = below(roots)
	return r, err
}

// whole reads the machine's own line: user nice system idle iowait irq softirq
// steal, in ticks.
func whole() (reading, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return reading{}, fmt.Errorf("read the machine's processor time: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return reading{}, fmt.Errorf("read the machine's processor time: %q is not the line of all processors", line)
	}
	var r reading
	for i, f := range fields[1:9] {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return reading{}, fmt.Errorf("read the machine's processor time: %w", err)
		}
		r.total += ticks
		if i <= 2 || i == 7 {
			r.busy += ticks
		}
	}
	return r, nil
}

// usage is one process: its parent, and the ticks that it and the children it has
// collected have used.
type usage struct {
	parent int
	ticks  int64
}

// below adds up the processes that are or descend from one of the roots.
func below(roots []int) (int64, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	var sum int64
	for pid, u := range all {
		for p, depth := pid, 0; p > 1 && depth < 64; p, depth = all[p].parent, depth+1 {
			if slices.Contains(roots, p) {
				sum += u.ticks
				break
			}
		}
	}
	return sum, nil
}

func processes() (map[int]usage, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all := make(map[int]usage, len(entries))
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // not a process
		}
		u, err := usageOf(pid)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, errGone) {
			continue // ended since it was listed
		}
		if err != nil {
			return nil, err
		}
		all[pid] = u
	}
	return all, nil
}

var errGone = errors.New("the process has ended")

// usageOf reads /proc/PID/stat. The name in it may hold anything, spaces and
// brackets too, so fields are counted from its last bracket: state, ppid, ... and
// utime, stime, cutime, cstime as the 12th to 15th.
func usageOf(pid int) (usage, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return usage{}, err
		}
		return usage{}, fmt.Errorf("%w: %w", errGone, err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 15 {
		return usage{}, errGone
	}
	var u usage
	if u.parent, err = strconv.Atoi(fields[1]); err != nil {
		return usage{}, fmt.Errorf("read process %d: %w", pid, err)
	}
	for _, f := range fields[11:15] {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("read process %d: %w", pid, err)
		}
		u.ticks += ticks
	}
	return u, nil
}
