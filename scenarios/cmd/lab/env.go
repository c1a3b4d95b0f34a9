package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"eventflow/scenarios/stack"
)

func envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "draw new secrets for docker-compose.yml and print them: what belongs into .env",
		Long: "env draws passwords and keys and prints them as " + composeFile + " reads them from " + secretsFile + ". It writes no file: `make .env` does, for its owner alone.\n" +
			"A database keeps the passwords with which its volume was made: new ones are for new volumes (`docker compose down --volumes`).",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return writeEnv(c.OutOrStdout(), stack.NewSecrets()) },
	}
}

func writeEnv(w io.Writer, s stack.Secrets) error {
	text := "# Secrets of docker-compose.yml, drawn by `lab env`. They are worth nothing without its volumes.\n"
	env := s.Compose()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		text += fmt.Sprintf("%s=%s\n", name, env[name])
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("print secrets: %w", err)
	}
	return nil
}
