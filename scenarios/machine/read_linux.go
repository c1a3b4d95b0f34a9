package machine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// read takes the machine as /proc tells it. Time in interrupts belongs to nobody
// and is left out.
func read() (reading, error) {
	r, err := whole()
	if err != nil {
		return reading{}, err
	}
	r.all, err = processes()
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
// utime, stime, cutime, cstime as the 12th to 15th, starttime as the 20th.
func usageOf(pid int) (usage, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return usage{}, err
		}
		return usage{}, fmt.Errorf("%w: %w", errGone, err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return usage{}, errGone
	}
	var u usage
	if u.parent, err = strconv.Atoi(fields[1]); err != nil {
		return usage{}, fmt.Errorf("read process %d: %w", pid, err)
	}
	if u.start, err = strconv.ParseInt(fields[19], 10, 64); err != nil {
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
