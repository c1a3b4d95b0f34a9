package audit

import (
	"bufio"
	"io"
	"strings"
)

// Crashes are the lines of a program's log that tell of a panic, a fatal error of
// the runtime or a data race.
func Crashes(log io.Reader) (found []string) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		for _, sign := range []string{"panic:", "fatal error:", "WARNING: DATA RACE"} {
			if strings.Contains(lines.Text(), sign) {
				found = append(found, lines.Text())
			}
		}
	}
	return found
}
