package audit

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// lastWords begin the line on which the Go runtime says that a program dies.
var lastWords = []string{"panic:", "fatal error:"}

// signs are found in lines that tell of a race, or of a panic that was caught: by
// net/http, or by the program itself, which goes on.
var signs = []string{"WARNING: DATA RACE", "http: panic serving", "handler panicked"}

// Crashes are the lines of a program's log that tell of a panic, of the runtime
// giving up or of a data race, in their order. A log that ends with an error ends
// there, and the error is a line of its own: what was not read proves nothing.
func Crashes(log io.Reader) []string {
	var found []string
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimSpace(line)
		if crash(line) {
			found = append(found, line)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				found = append(found, "the log could not be read: "+err.Error())
			}
			return found
		}
	}
}

func crash(line string) bool {
	for _, w := range lastWords {
		if strings.HasPrefix(line, w) {
			return true
		}
	}
	for _, s := range signs {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}
