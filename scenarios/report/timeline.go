package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
)

// writeTimeline draws the holds of the seat that the lock judges object to into
// TimelineFile, and says whether there is such a seat. A drawing of an earlier
// judgement is removed: a link to it would accuse what has been acquitted.
func writeTimeline(dir string, h history.History, r invariant.Report) (bool, error) {
	path := filepath.Join(dir, TimelineFile)
	if suspected(r) {
		var text bytes.Buffer
		if found, err := invariant.Visualize(h, &text); err != nil {
			return false, fmt.Errorf("draw the timeline of a seat: %w", err)
		} else if found {
			return true, put(dir, TimelineFile, text.Bytes())
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("remove the old timeline: %w", err)
	}
	return false, nil
}

// suspected says whether a judge of locks found them broken. Looking for the seat
// takes seconds, so nobody looks without a reason.
func suspected(r invariant.Report) bool {
	for _, f := range r.Findings {
		if f.Verdict == invariant.Broken && (f.Invariant == invariant.LockLinear || f.Invariant == invariant.LockMutex) {
			return true
		}
	}
	return false
}
