package traffic

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"eventflow/scenarios/history"
)

// event reads the event's own data. Name and version are one write of the
// administrator's, so the name tells which data was shown.
func (p *person) event(ctx context.Context, op history.Op) history.Op {
	op.Kind = history.Event
	return p.do(ctx, op, p.get("/api/events/"+strconv.Itoa(op.Event)), shown)
}

// shown takes the version and the source of one event's data.
func shown(op *history.Op, a *answer) {
	got := decode[struct {
		ID     int    `json:"id"`
		Name   string `json:"name"`
		Source string `json:"source"`
	}](a)
	op.Source = fallback(got.Source, op.Source)
	if a.err != nil {
		return
	}
	if got.Name == "" {
		a.err = fmt.Errorf("%w: name", errMissing)
		return
	}
	if got.ID != op.Event {
		contradiction(op, "asked for event %d, was shown %d", op.Event, got.ID)
	}
	op.Version = versionOf(got.Name)
}

// versionOf reads the version at the end of an event's name: "Concierto v12" is
// version 12, and a name without such an end is version 0, the one that stood
// there first.
func versionOf(name string) int {
	at := strings.LastIndex(name, " v")
	if at < 0 {
		return 0
	}
	version, err := strconv.ParseUint(name[at+len(" v"):], 10, 31)
	if err != nil {
		return 0 // "Concierto vivo"
	}
	return int(version)
}
