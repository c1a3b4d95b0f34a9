package native

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// redis keeps an append-only file, so that a restart with data can be told from
// one without.
func (s *Stack) redis() unit {
	conf := s.path("redis", "redis.conf")
	return unit{
		name:    topology.RedisDB,
		data:    s.path("redis"),
		prepare: func(context.Context) error { return s.prepareRedis(conf) },
		command: func() command { return command{path: s.tools.redis, args: []string{conf}, dir: s.path("redis")} },
		ready: func(ctx context.Context) error {
			return probe.Redis(ctx, s.addr(topology.RedisDB), s.secrets.Redis)
		},
	}
}

// prepareRedis writes the configuration to a file: an argument list would show
// the password to every user of the machine.
func (s *Stack) prepareRedis(conf string) error {
	dir := s.path("redis")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	lines := map[string]string{
		"bind": host, "port": strconv.Itoa(s.port(topology.RedisDB)), "dir": strconv.Quote(dir), "requirepass": s.secrets.Redis,
		"daemonize": "no", "save": `""`, "appendonly": "yes", "appendfsync": "everysec",
	}
	maps.Insert(lines, s.cfg.changes().Set(topology.RedisDB))
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintln(&text, name, lines[name])
	}
	if err := os.WriteFile(conf, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}
