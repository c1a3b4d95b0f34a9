package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"eventflow/scenarios/invariant"
)

// IndexFile lists all drills of a folder of artifacts.
const IndexFile = "index.html"

// deepest is how far below the folder of artifacts a drill's folder may lie.
const deepest = 3

// index is what the template of the index is filled with.
type index struct {
	Lang      string
	Runs      []run
	Scenarios []string
	Verdicts  []invariant.Verdict
	Style     template.CSS
	Script    template.JS
}

// run is one drill of the index.
type run struct {
	Result
	Dir    string // with slashes, relative to the index
	Link   string // the best page that there is of it
	Broken []string
	Fault  string // why its result could not be read; empty: it could
}

// Recovery is how long service took to come back, in seconds.
func (r run) Recovery() string {
	if r.Numbers.RecoveryMS == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", *r.Numbers.RecoveryMS/1000)
}

// Count is how many drills had the verdict.
func (x index) Count(v invariant.Verdict) int {
	n := 0
	for _, r := range x.Runs {
		if r.Verdict == v {
			n++
		}
	}
	return n
}

// WriteIndex lists every drill under dir in dir's IndexFile, newest first. A result
// that cannot be read is listed as that. The file is replaced whole: who reads it
// meanwhile sees the old list or the new one.
func WriteIndex(dir string) error {
	runs, err := findRuns(dir)
	if err != nil {
		return err
	}
	words, err := loadWords()
	if err != nil {
		return err
	}
	x := index{Lang: English, Runs: runs, Verdicts: []invariant.Verdict{invariant.Pass, invariant.Broken, invariant.Invalid}}
	for _, r := range runs {
		if r.Scenario != "" && !slices.Contains(x.Scenarios, r.Scenario) {
			x.Scenarios = append(x.Scenarios, r.Scenario)
		}
	}
	slices.Sort(x.Scenarios)
	if x.Style, x.Script, err = assets(); err != nil {
		return err
	}
	return replace(filepath.Join(dir, IndexFile), func(w io.Writer) error {
		return render(w, "index.html", words, x.Lang, listing{}.link, x)
	})
}

func findRuns(dir string) ([]run, error) {
	var runs []run
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != dir:
			return nil // another program tidies up meanwhile
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "logs" || depth(dir, path) > deepest):
			return filepath.SkipDir
		case !e.IsDir() && e.Name() == ResultFile && filepath.Dir(path) != filepath.Clean(dir):
			runs = append(runs, readRun(dir, path))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for drills: %w", err)
	}
	slices.SortStableFunc(runs, func(a, b run) int {
		return cmp.Or(b.Base.Compare(a.Base), strings.Compare(b.Dir, a.Dir))
	})
	return runs, nil
}

func depth(dir, path string) int {
	rel, err := filepath.Rel(dir, path)
	if err != nil || rel == "." {
		return 0
	}
	return strings.Count(filepath.ToSlash(rel), "/") + 1
}

func readRun(dir, path string) run {
	folder := filepath.Dir(path)
	rel, err := filepath.Rel(dir, folder)
	if err != nil {
		return run{Dir: folder, Fault: err.Error()}
	}
	r := run{Dir: filepath.ToSlash(rel)}
	for _, name := range []string{PageFile, WhyFile, ResultFile} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			r.Link = (&url.URL{Path: "./" + r.Dir + "/" + name}).String()
			break
		}
	}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &r.Result)
	}
	if err == nil && r.Verdict == "" {
		err = errors.New("no verdict in it")
	}
	if err != nil {
		r.Result, r.Fault = Result{}, err.Error()
	}
	r.Broken = brokenNames(invariant.Report{Findings: r.Findings})
	return r
}

// replace writes a file beside the path and moves it there.
func replace(path string, write func(io.Writer) error) (err error) {
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", filepath.Base(path), err), os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text.Bytes())
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
