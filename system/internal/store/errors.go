package store

import (
	"context"
	"errors"
	"strings"

	"eventflow/system/internal/ticket"

	"github.com/jackc/pgx/v5/pgconn"
)

// dependency is the name in errors and metrics.
const dependency = "postgres"

// ErrNoUser says that nobody registered with that address.
var ErrNoUser = errors.New("no such user")

// ErrPoison says that the database will never take this purchase: no such seat,
// no such event, a value out of range. Trying again changes nothing.
var ErrPoison = errors.New("purchase can never be written")

// readError sorts the failure of a statement that changes nothing: there is no
// doubt about what it did. Only a caller who left is told so.
func readError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return ticket.Unavailable(dependency, err)
}

// writeError sorts the failure of a statement that may have been obeyed.
//
// Certain are only: nothing was sent (SafeToRetry), or the server itself said
// that it undid the statement. A deadline, a broken connection, a server that
// was shut down half way: COMMIT may have happened before the silence.
func writeError(err error) error {
	var pg *pgconn.PgError
	switch {
	case pgconn.SafeToRetry(err):
		return ticket.Unavailable(dependency, err)
	case errors.As(err, &pg) && undone(pg):
		return ticket.Unavailable(dependency, err)
	}
	return ticket.Unknown(dependency, err)
}

// undone reports whether the server's answer is proof that nothing was written.
// A fatal answer ends the session and may overtake a COMMIT's own, except for
// those that come before a session exists.
func undone(pg *pgconn.PgError) bool {
	if pg.Severity == "FATAL" || pg.Severity == "PANIC" {
		return pg.Code == "57P03" || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "28") || strings.HasPrefix(pg.Code, "3D")
	}
	switch class(pg) {
	case "22", "23", "25", "40", "42", "53", "55":
		return true
	}
	return pg.Code == "57014" // statement_timeout: cancelled before it could commit
}

// poison reports whether the purchase, not the database, is at fault.
func poison(pg *pgconn.PgError) bool {
	c := class(pg)
	return pg.Severity == "ERROR" && (c == "22" || c == "23")
}

func class(pg *pgconn.PgError) string {
	if len(pg.Code) < 2 {
		return ""
	}
	return pg.Code[:2]
}
