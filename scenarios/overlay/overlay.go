// Package overlay builds EventFlow with a few lines changed, and leaves the source
// tree as it is: a planted bug, or a point at which a program shall fail.
//
// It must not know what an edit is good for, nor who runs what was built.
package overlay

// Edit replaces one stretch of text in one file of the source tree. The text must
// stand there exactly once: an edit that no longer fits is an error, never a
// build without it.
type Edit struct {
	File string `json:"file"` // from the root of the source tree: system/internal/queue/publisher.go
	Old  string `json:"old"`
	New  string `json:"new"`
}
