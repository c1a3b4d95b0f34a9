package stack

import "strings"

// Tail is the end of a log: enough to see why a server died, not so much that the
// reason scrolls away.
func Tail(log []byte) string {
	const lines = 15
	all := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Quote sets the end of what a program wrote apart from what we say about it.
func Quote(log []byte) string {
	text := Tail(log)
	if text == "" {
		return " (it wrote nothing)"
	}
	return "; it wrote last:\n    " + strings.ReplaceAll(text, "\n", "\n    ")
}
