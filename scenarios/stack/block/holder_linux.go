package block

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// holder says which process listens on a TCP port, as far as this user may see:
// "redis-server (pid 4711)", or nothing.
func holder(port int) string {
	inodes := listeners(port)
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && inodes[target] {
			pid := strings.Split(fd, "/")[2]
			return fmt.Sprintf("%s (pid %s)", processName(pid), pid)
		}
	}
	return ""
}

// listeners are the sockets that listen on a port, named as /proc/PID/fd does.
func listeners(port int) map[string]bool {
	const listen = "0A"
	found, suffix := map[string]bool{}, fmt.Sprintf(":%04X", port)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(data), "\n") {
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[1], suffix) && f[3] == listen {
				found["socket:["+f[9]+"]"] = true
			}
		}
	}
	return found
}

func processName(pid string) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%s/comm", pid))
	if err != nil {
		return "a process"
	}
	return strings.TrimSpace(string(name))
}
