// Package overlay builds EventFlow with a few lines changed, and leaves the source
// tree as it is: a planted bug, or a point at which a program shall fail.
//
// It must not know what an edit is good for, nor who runs what was built.
package overlay

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Edit replaces one stretch of text in one file of the source tree. The text must
// stand there exactly once: an edit that no longer fits is an error, never a
// build without it.
type Edit struct {
	File string `json:"file"` // from the root of the source tree: system/internal/queue/publisher.go
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Tree is a source tree as its edits make it, for whoever builds from it. The zero
// value has no source; Apply makes one.
type Tree struct {
	source string
	copies map[string]string // file -> edited copy
	flag   string
}

// Apply makes the edits one after the other, each on what those before it have
// left of its file, and writes the edited files under dir, which must exist. The
// source tree is only read. No edits: the tree as it is, and nothing is written.
//
// An error names the file, and the text that does not stand there exactly once.
func Apply(source, dir string, edits []Edit) (Tree, error) {
	t := Tree{source: source, copies: map[string]string{}}
	texts := map[string]string{}
	for i, e := range edits {
		if err := e.apply(source, texts); err != nil {
			return Tree{}, fmt.Errorf("edit %d of %s: %w", i+1, e.File, err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		if err := t.write(dir, file, texts[file]); err != nil {
			return Tree{}, fmt.Errorf("edited copy of %s: %w", file, err)
		}
	}
	if err := t.describe(dir); err != nil {
		return Tree{}, fmt.Errorf("describe edits to the compiler: %w", err)
	}
	return t, nil
}

// apply changes one text, read from the source tree when it is first named.
func (e Edit) apply(source string, texts map[string]string) error {
	if !filepath.IsLocal(e.File) || e.File != path.Clean(e.File) {
		return errors.New("not a file's name from the root of the source tree")
	}
	if e.Old == e.New {
		return fmt.Errorf("it changes nothing: %q", e.Old)
	}
	text, read := texts[e.File]
	if !read {
		data, err := os.ReadFile(filepath.Join(source, e.File))
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		text = string(data)
	}
	if n := strings.Count(text, e.Old); n != 1 || e.Old == "" {
		return fmt.Errorf("this text stands there %d times, not once: %q", n, e.Old)
	}
	texts[e.File] = strings.Replace(text, e.Old, e.New, 1)
	return nil
}

func (t Tree) write(dir, file, text string) error {
	copied := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	t.copies[file] = copied
	return nil
}

// describe writes the file that go build's -overlay reads, if Go was edited.
func (t *Tree) describe(dir string) error {
	replace := map[string]string{}
	for file, copied := range t.copies {
		if path.Ext(file) == ".go" {
			replace[filepath.Join(t.source, filepath.FromSlash(file))] = copied
		}
	}
	if len(replace) == 0 {
		return nil
	}
	data, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	t.flag = name
	return nil
}

// Overlay is the file for go build's -overlay flag; empty: no Go file was edited.
func (t Tree) Overlay() string { return t.flag }

// Path is where a file of the source tree lies: its edited copy, or the file
// itself.
func (t Tree) Path(file string) string {
	if copied, edited := t.copies[file]; edited {
		return copied
	}
	return filepath.Join(t.source, filepath.FromSlash(file))
}

// Files are the edited files, in order.
func (t Tree) Files() []string { return slices.Sorted(maps.Keys(t.copies)) }
