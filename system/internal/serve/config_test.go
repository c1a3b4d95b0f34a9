package serve

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type sample struct {
	Config
	Addr     string        `env:"POSTGRES_ADDR" help:"where PostgreSQL is"`
	Password string        `env:"POSTGRES_PASSWORD" default:"" secret:"true" help:"its password"`
	Cost     int           `env:"BCRYPT_COST" default:"12" min:"4" max:"31" help:"work factor"`
	TTL      time.Duration `env:"TOKEN_TTL" default:"12h" min:"1s" help:"life of a token"`
	Ratio    float64       `env:"RATIO" default:"0.5" help:"a share"`
	On       bool          `env:"ON" default:"false" help:"a switch"`
}

func env(pairs map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := pairs[k]; return v, ok }
}

func TestLoad(t *testing.T) {
	var c sample
	err := Load(&c, nil, env(map[string]string{"NODE": "app-1", "POSTGRES_ADDR": "h:1", "TOKEN_TTL": "90s", "LOG_LEVEL": "debug", "ON": "true", "BCRYPT_COST": ""}))
	require.NoError(t, err)
	assert.Equal(t, "app-1", c.Node)
	assert.Equal(t, "127.0.0.1:21020", c.ListenAddr)
	assert.Equal(t, slog.LevelDebug, c.LogLevel)
	assert.Equal(t, "h:1", c.Addr)
	assert.Equal(t, 12, c.Cost, "empty counts as unset")
	assert.Equal(t, 90*time.Second, c.TTL)
	assert.InDelta(t, 0.5, c.Ratio, 0)
	assert.True(t, c.On)
}

func TestLoadNamesEverythingThatIsWrong(t *testing.T) {
	var c sample
	err := Load(&c, nil, env(map[string]string{"BCRYPT_COST": "40", "TOKEN_TTL": "12", "LOG_LEVEL": "loud", "RATIO": "x", "ON": "maybe"}))
	require.Error(t, err)
	for _, want := range []string{
		`POSTGRES_ADDR is not set: where PostgreSQL is`,
		`BCRYPT_COST="40": expected at most 31`,
		`TOKEN_TTL="12": expected a duration such as 200ms, 1s or 10m`,
		`LOG_LEVEL="loud": `,
		`RATIO="x": expected a number`,
		`ON="maybe": expected true or false`,
	} {
		assert.Contains(t, err.Error(), want)
	}
	assert.ErrorContains(t, Load(&c, nil, env(map[string]string{"POSTGRES_ADDR": "h:1", "TOKEN_TTL": "1ms"})), `TOKEN_TTL="1ms": expected at least 1s`)
}

func TestLoadArguments(t *testing.T) {
	var c sample
	require.ErrorIs(t, Load(&c, []string{"-h"}, env(nil)), ErrHelp)
	require.ErrorContains(t, Load(&c, []string{"--port=1"}, env(nil)), `argument "--port=1"`)
}

func TestUsageShowsTheWholeSurface(t *testing.T) {
	var out bytes.Buffer
	Usage(&out, &sample{})
	for _, want := range []string{"NODE", "LISTEN_ADDR", "(required)", "(empty)", "12h", "its password"} {
		assert.Contains(t, out.String(), want)
	}
}

func TestRedacted(t *testing.T) {
	var out bytes.Buffer
	NewLogger(&out, slog.LevelInfo).Info("starting", Redacted(&sample{Password: "hunter2", Addr: "h:1"}))
	assert.NotContains(t, out.String(), "hunter2")
	var line struct{ Config map[string]string }
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	assert.Equal(t, "***", line.Config["POSTGRES_PASSWORD"])
	assert.Equal(t, "h:1", line.Config["POSTGRES_ADDR"])
}

func TestAnInvalidSecretIsNotRepeated(t *testing.T) {
	var c struct {
		Key slog.Level `env:"KEY" secret:"true" help:"x"`
	}
	err := Load(&c, nil, env(map[string]string{"KEY": "hunter2"}))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "KEY")
}
