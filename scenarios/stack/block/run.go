package block

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// RunDir is where this user's stacks live, one directory per block of ports.
func RunDir() string {
	return filepath.Join(os.TempDir(), "eventflow-"+strconv.Itoa(os.Getuid()))
}

// OpenRunDir makes the run directory and refuses one that somebody else could
// have prepared: the name is guessable and the parent is everybody's. Others may
// pass through it, since PostgreSQL runs as another user when the lab is root.
func OpenRunDir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make run directory: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("run directory %s is not this user's own, or others may write there: remove it or set TMPDIR", dir)
	}
	return nil
}

// Bases are the first ports of the blocks that are held, or whose last holder has
// left something, in order.
func Bases(run string) ([]int, error) {
	entries, err := os.ReadDir(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read run directory: %w", err)
	}
	seen := map[int]bool{}
	for _, e := range entries {
		if base, err := strconv.Atoi(strings.TrimSuffix(e.Name(), lockSuffix)); err == nil {
			seen[base] = true
		}
	}
	bases := make([]int, 0, len(seen))
	for b := range seen {
		bases = append(bases, b)
	}
	sort.Ints(bases)
	return bases, nil
}
