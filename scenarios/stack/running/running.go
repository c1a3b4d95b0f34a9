// Package running finds where an EventFlow answers that somebody else runs: on this
// host or another, in containers or not.
//
// Its owner says the addresses; where each link passes, the proxy server says. It
// starts nothing, stops nothing and breaks nothing. It must not know what is going
// to be done to the stack, nor by what means its owner runs it.
package running

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// Config is where the parts of a stack answer, as seen from here. All but Health
// are URLs.
type Config struct {
	Toxiproxy  string // the proxy server's API
	Shop       string // what buyers see
	Observer   string // PostgreSQL, as a superuser
	Rabbit     string // RabbitMQ's management, with user and password
	Redis      string // redis://:password@host:port
	Prometheus string // empty: none
	// Health is the base URL of each of EventFlow's programs; of those that are
	// missing nobody says how much they hold, count or leak.
	Health map[topology.Name]string
}

// Setting is one of the addresses, and how its owner is asked for it.
type Setting struct {
	Flag    string // of the command line
	Env     string // the variable that stands for the flag
	Example string
	Why     string // what answers there, and what the laboratory wants of it
	Needed  bool   // no drill without it
	Value   *string
}

// Settings are the addresses of this configuration, all but Health.
func (c *Config) Settings() []Setting {
	return []Setting{
		{ProxyFlag, "LAB_TOXIPROXY", "http://127.0.0.1:8474", "the proxy server's API, where links are broken and healed", true, &c.Toxiproxy},
		{"shop", "LAB_SHOP", "http://127.0.0.1:8888", "the shop, where buyers buy", true, &c.Shop},
		{"observer", "LAB_OBSERVER", "postgres://postgres:PASSWORD@127.0.0.1:21010/eventflow?sslmode=disable", "PostgreSQL for a superuser, round the proxies, where sales are opened and the ledger is read", true, &c.Observer},
		{"rabbit", "LAB_RABBIT", "http://eventflow:PASSWORD@127.0.0.1:21013", "RabbitMQ's management, round the proxies, where purchases that wait are counted", true, &c.Rabbit},
		{"redis", "LAB_REDIS", "redis://:PASSWORD@127.0.0.1:21011", "Redis, round the proxies, where locks are read", true, &c.Redis},
		{"prometheus", "LAB_PROMETHEUS", "http://127.0.0.1:9090", "Prometheus, for people to look at", false, &c.Prometheus},
	}
}

// ProxyFlag is the one address without which no link is found.
const ProxyFlag = "toxiproxy"

// The flag and the variable of Health: NAME=URL, several with commas between.
const (
	HealthFlag = "health"
	HealthEnv  = "LAB_HEALTH"
)

// Zero says that nobody has said anything.
func (c Config) Zero() bool {
	for _, s := range c.Settings() {
		if *s.Value != "" {
			return false
		}
	}
	return len(c.Health) == 0
}

// Complete fills in from the environment what is not stated yet.
func (c *Config) Complete(env func(string) string) error {
	for _, s := range c.Settings() {
		if *s.Value == "" {
			*s.Value = env(s.Env)
		}
	}
	if len(c.Health) > 0 || env(HealthEnv) == "" {
		return nil
	}
	if err := c.SetHealth(strings.Split(env(HealthEnv), ",")); err != nil {
		return fmt.Errorf("%s: %w", HealthEnv, err)
	}
	return nil
}

// SetHealth reads entries like "app-1=http://127.0.0.1:21020".
func (c *Config) SetHealth(entries []string) error {
	health := map[topology.Name]string{}
	for _, entry := range entries {
		name, base, ok := strings.Cut(strings.TrimSpace(entry), "=")
		if !ok || !slices.Contains(programs(), topology.Name(name)) {
			return fmt.Errorf("%q: want NAME=URL, NAME being one of %v", entry, programs())
		}
		health[topology.Name(name)] = base
	}
	c.Health = health
	return nil
}

func programs() (names []topology.Name) {
	for _, p := range stack.Programs() {
		names = append(names, p.Service)
	}
	return names
}

// Attach finds where the stack answers and asks every address in its own protocol.
// Its error names all that is missing, and all that does not answer, at once.
func (c Config) Attach(ctx context.Context, m topology.Map) (stack.Endpoints, error) {
	if err := c.missing(func(s Setting) bool { return s.Needed }); err != nil {
		return stack.Endpoints{}, err
	}
	e, err := c.Links(ctx, m)
	if err != nil {
		return e, err
	}
	e.Shop, e.Prometheus, e.Observer, e.RabbitAPI = base(c.Shop), base(c.Prometheus), c.Observer, base(c.Rabbit)
	if e.RedisAddr, e.RedisPassword, err = redisOf(c.Redis); err != nil {
		return e, err
	}
	e.Health = map[topology.Name]string{}
	for name, url := range c.Health {
		e.Health[name] = base(url)
	}
	return e, Ask(ctx, e)
}

// missing names those of the needed addresses that nobody has stated.
func (c Config) missing(needed func(Setting) bool) error {
	var lines []string
	for _, s := range c.Settings() {
		if needed(s) && *s.Value == "" {
			lines = append(lines, fmt.Sprintf("--%s (or %s): %s; such as %s", s.Flag, s.Env, s.Why, s.Example))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return &MissingError{Lines: lines}
}

// MissingError says which addresses have not been stated: a mistake of whoever
// described the stack, and no fault of the stack.
type MissingError struct{ Lines []string }

func (e *MissingError) Error() string {
	return "of the stack that is to be drilled is not known:\n  " + strings.Join(e.Lines, "\n  ")
}

// base is the URL without the slash at its end: paths are put behind it.
func base(raw string) string { return strings.TrimRight(raw, "/") }

// redisOf takes a Redis URL apart.
func redisOf(raw string) (addr, password string, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "redis" || u.Host == "" {
		return "", "", errors.New("--redis: want redis://:PASSWORD@host:port") // what it is instead may hold a password
	}
	password, _ = u.User.Password()
	if u.Port() == "" {
		u.Host += ":6379"
	}
	return u.Host, password, nil
}
