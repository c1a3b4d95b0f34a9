package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/report"
)

func judgeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "judge JOURNAL",
		Short:   "judge a saved journal again, without a stack",
		Example: "  lab judge artifacts/20261123T120000-postgres-cut-1/journal.jsonl",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("lab judge takes one journal file, got %d arguments; journals are artifacts/*/%s", len(args), report.JournalFile)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			h, err := history.ReadFile(args[0])
			if err != nil {
				return usage("%w", err)
			}
			judged := invariant.Judge(h)
			fmt.Fprint(c.OutOrStdout(), report.Why(h, judged))
			fmt.Fprintf(c.OutOrStdout(), "\n%s\n", pageOf(args[0]))
			return verdictError(judged.Verdict)
		},
	}
}

// pageOf says where the page of a journal's drill is, or how to get it.
func pageOf(journal string) string {
	if page := filepath.Join(filepath.Dir(journal), report.PageFile); exists(page) {
		return "Page: " + page
	}
	return "Page: none yet; `lab report " + journal + "` writes it"
}
