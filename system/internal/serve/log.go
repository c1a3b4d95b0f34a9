package serve

import (
	"io"
	"log/slog"
)

// NewLogger writes one JSON object a line, the form that log collectors and the
// lab's report read.
func NewLogger(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
}
