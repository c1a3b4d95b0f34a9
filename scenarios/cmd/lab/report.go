package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/report"
)

type reportFlags struct {
	open bool
	lang string
}

func reportCommand() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "report JOURNAL | FOLDER",
		Short: "make the pages of saved drills anew from their journals, without a stack",
		Long: "report judges journals again and writes what each showed beside it: report.html for people, result.json for programs, why.txt.\n" +
			"Of a folder it takes every journal in it, and writes index.html, the list of all.",
		Example: "  lab report artifacts/20261123T120000-postgres-cut-1/journal.jsonl --open\n  lab report artifacts",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("lab report takes one journal or folder, got %d arguments; journals are artifacts/*/%s", len(args), report.JournalFile)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return rewrite(c, args[0], f) },
	}
	c.Flags().BoolVar(&f.open, "open", false, "show the page in this machine's browser")
	c.Flags().StringVar(&f.lang, "lang", report.English, "language of a page that runs no script: en or es")
	return c
}

func rewrite(c *cobra.Command, path string, f reportFlags) error {
	if f.lang != report.English && f.lang != report.Spanish {
		return usage("--lang %q: the pages speak en and es", f.lang)
	}
	journals, index, err := journalsOf(path)
	if err != nil {
		return err
	}
	for _, journal := range journals {
		page, verdict, err := rewriteOne(journal, f.lang)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%-7s  %s\n", verdict, page)
		path = page
	}
	if index != "" {
		if err := report.WriteIndex(index); err != nil {
			return err
		}
		path = filepath.Join(index, report.IndexFile)
		fmt.Fprintf(c.OutOrStdout(), "%-7s  %s\n", "index", path)
	}
	if f.open {
		return show(c.Context(), path)
	}
	return nil
}

// journalsOf finds the journals to report on: the file itself, the one in a drill's
// folder, or all below a folder of artifacts, which then also gets an index.
func journalsOf(path string) (journals []string, index string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", usage("%w", err)
	}
	if !info.IsDir() {
		return []string{path}, "", nil
	}
	if own := filepath.Join(path, report.JournalFile); exists(own) {
		return []string{own}, "", nil
	}
	err = filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() == report.JournalFile {
			journals = append(journals, at)
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("look for journals: %w", err)
	}
	if len(journals) == 0 {
		return nil, "", usage("no %s below %s; `lab run` writes them", report.JournalFile, path)
	}
	slices.Sort(journals)
	return journals, path, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func rewriteOne(journal, lang string) (page string, verdict invariant.Verdict, err error) {
	h, err := history.ReadFile(journal)
	if err != nil {
		return "", "", usage("%w", err)
	}
	dir := filepath.Dir(journal)
	judged := invariant.Judge(h)
	if err := report.WriteDrill(dir, h, judged); err != nil {
		return "", "", err
	}
	if lang != report.English {
		err = report.WritePage(dir, h, judged, lang)
	}
	return filepath.Join(dir, report.PageFile), judged.Verdict, err
}

// show hands the file to whatever this machine opens pages with.
func show(ctx context.Context, path string) error {
	opener := map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS]
	if opener == "" {
		opener = "xdg-open"
	}
	if _, err := exec.LookPath(opener); err != nil {
		return environment(fmt.Errorf("%s is not installed: open %s in a browser", opener, path))
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := exec.CommandContext(ctx, opener, path).Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil // it runs the browser itself, which is open
	}
	if err != nil {
		return environment(fmt.Errorf("open %s: %w", path, err))
	}
	return nil
}
