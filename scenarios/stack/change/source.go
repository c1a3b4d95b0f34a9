package change

import (
	"fmt"
	"os"
	"path/filepath"
)

// Source is the root of the source tree from which a stack is made: the folder that
// was named or, if that is empty, the first at or above the working directory in
// which a schema lies.
func Source(named string) (string, error) {
	if named != "" {
		return filepath.Abs(named)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, Schema)); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no EventFlow source tree at or above %s: no %s", dir, Schema)
		}
	}
}
