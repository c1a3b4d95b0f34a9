package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"eventflow/scenarios/audit"
)

// starting is the message with which a program of EventFlow tells its settings,
// secrets blacked out, on the first lines of its log.
const starting = "starting"

// config collects the settings of EventFlow's programs from their logs, for the
// record: timeouts and lives of holds decide what a drill can have meant.
func (d *drill) config(ctx context.Context) map[string]map[string]string {
	if d.Logs == nil {
		return nil
	}
	all := map[string]map[string]string{}
	for service := range d.Endpoints.Health {
		log, err := d.Logs(ctx, service)
		if err != nil {
			continue // a record without settings is still a record
		}
		if told := settingsIn(log); len(told) > 0 {
			all[string(service)] = told
		}
		_ = log.Close() // opened for reading: closing loses nothing
	}
	return all
}

// settingsIn is what the log's last start tells.
func settingsIn(log io.Reader) map[string]string {
	var told map[string]string
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) != nil || line["msg"] != starting {
			continue
		}
		told = map[string]string{}
		flatten(line, told)
	}
	return told
}

// flatten keeps the values of the line and of what it groups, and leaves out what
// every line has.
func flatten(line map[string]any, into map[string]string) {
	for k, v := range line {
		switch v := v.(type) {
		case map[string]any:
			flatten(v, into)
		default:
			if k != "time" && k != "level" && k != "msg" {
				into[k] = fmt.Sprint(v)
			}
		}
	}
}

// deaths are the lines of the programs' logs that tell of a panic or a data race.
func (d *drill) deaths(ctx context.Context) (lines []string, err error) {
	if d.Logs == nil {
		return nil, nil
	}
	lines = []string{}
	for service := range d.Endpoints.Health {
		log, err := d.Logs(ctx, service)
		if err != nil {
			return nil, fmt.Errorf("read log of %s: %w", service, err)
		}
		for _, line := range audit.Crashes(log) {
			lines = append(lines, string(service)+": "+line)
		}
		_ = log.Close()
	}
	return lines, nil
}
