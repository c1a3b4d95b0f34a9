package native_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

func TestProgramsAreEditedAndTold(t *testing.T) {
	if os.Getenv(inner) != "" {
		t.Skip("another user may not write where programs are built")
	}
	const sound, planted = `"tokens are signed"`, `"tokens are signed by a mutant"`
	st := open(t, only(topology.PostgresDB, topology.Toxiproxy, topology.Auth), func(c *native.Config) {
		c.Bin, c.Mutant = "", "forged-words"
		c.Edits = []overlay.Edit{{File: "system/cmd/auth/main.go", Old: sound, New: planted}}
		c.ServiceEnv = map[topology.Name]map[string]string{"": {"TOKEN_TTL": "1h", "LOG_LEVEL": "debug"}, topology.Auth: {"TOKEN_TTL": "7m0s"}}
	})
	stacktest.Up(t, st)
	assert.Equal(t, "forged-words", st.Endpoints().Mutant)
	said := logOf(t, st, topology.Auth)
	assert.Contains(t, said, "tokens are signed by a mutant")
	assert.Contains(t, said, "7m0s", "its own environment wins")
	assert.Contains(t, said, "DEBUG", "and the common one counts")

	shared, err := st.Programs(t.Context())
	require.NoError(t, err)
	program, err := os.ReadFile(shared["auth"])
	require.NoError(t, err)
	assert.True(t, bytes.Contains(program, []byte("tokens are signed")))
	assert.False(t, bytes.Contains(program, []byte("by a mutant")), "nobody else gets the edited program")
}

func logOf(t *testing.T, st stack.Stack, service topology.Name) string {
	t.Helper()
	log, err := st.Logs(t.Context(), service)
	require.NoError(t, err)
	defer log.Close()
	text, err := io.ReadAll(log)
	require.NoError(t, err)
	return string(text)
}

// What was changed is changed in every life, also the first one without data.
func TestServersAreChanged(t *testing.T) {
	st := open(t, only(topology.PostgresDB, topology.RedisDB, topology.RabbitMQ, topology.Nginx), func(c *native.Config) {
		c.Settings = map[topology.Name]map[string]string{
			topology.PostgresDB: {"synchronous_commit": "off"},
			topology.RedisDB:    {"appendonly": "no", "maxclients": "123"},
			topology.RabbitMQ:   {"channel_max": "77"},
		}
		c.Edits = []overlay.Edit{
			{File: "init.sql", Old: "'Conferencia Sistemas Distribuidos'", New: "'Conferencia Mutante'"},
			{File: "system/nginx/eventflow.conf.template", Old: "return 404;", New: "return 418;"},
		}
	})
	stacktest.Up(t, st)
	changed := func(t *testing.T) {
		assert.Equal(t, "off", ask(t, st, "show synchronous_commit"))
		assert.Equal(t, "Conferencia Mutante", ask(t, st, "select name from events where id = 999"))
		assert.Equal(t, "no", setting(t, st, "appendonly"))
		assert.Equal(t, "123", setting(t, st, "maxclients"))
		assert.Equal(t, uint16(77), channels(t, st))
	}
	t.Run("at first", changed)
	assert.Equal(t, http.StatusTeapot, statusOf(t, st))
	for _, n := range []topology.Name{topology.PostgresDB, topology.RedisDB, topology.RabbitMQ} {
		require.NoError(t, st.Wipe(t.Context(), n))
	}
	t.Run("after a wipe", changed)
	require.NoError(t, st.Restart(t.Context(), topology.Nginx))
	assert.Equal(t, http.StatusTeapot, statusOf(t, st))
}

func ask(t *testing.T, st stack.Stack, sql string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), st.Endpoints().Observer)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&value))
	return value
}

func setting(t *testing.T, st stack.Stack, name string) string {
	t.Helper()
	e := st.Endpoints()
	rdb := redis.NewClient(&redis.Options{Addr: e.RedisAddr, Password: e.RedisPassword})
	defer rdb.Close()
	values, err := rdb.ConfigGet(t.Context(), name).Result()
	require.NoError(t, err)
	return values[name]
}

func channels(t *testing.T, st *native.Stack) uint16 {
	t.Helper()
	api, err := url.Parse(st.Endpoints().RabbitAPI)
	require.NoError(t, err)
	rabbit, _ := topology.EventFlow().Service(topology.RabbitMQ)
	block := topology.Block{Base: st.State().Base}
	broker := url.URL{Scheme: "amqp", User: api.User, Host: local(block.Of(rabbit)), Path: "/"}
	conn, err := amqp.Dial(broker.String())
	require.NoError(t, err)
	defer conn.Close()
	return conn.Config.ChannelMax
}

// statusOf is what nginx's listener for observers answers to a strange question.
func statusOf(t *testing.T, st *native.Stack) int {
	t.Helper()
	edge, _ := topology.EventFlow().Service(topology.Nginx)
	block := topology.Block{Base: st.State().Base}
	res, err := http.Get("http://" + local(block.Extra(edge, "status")) + "/strange")
	require.NoError(t, err)
	defer res.Body.Close()
	return res.StatusCode
}

func TestChangeThatWouldChangeNothingIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*native.Config)
		says   string
	}{
		"settings of a program": {func(c *native.Config) { c.Settings = map[topology.Name]map[string]string{topology.App1: {"a": "b"}} }, `settings of "app-1"`},
		"environment of a server": {func(c *native.Config) {
			c.ServiceEnv = map[topology.Name]map[string]string{topology.RedisDB: {"A": "b"}}
		}, `environment of "redis"`},
		"edit of what is never built": {func(c *native.Config) { c.Edits = []overlay.Edit{{File: "README.md", Old: "a", New: "b"}} }, "no stack is made from it"},
		"edit that does not fit":      {func(c *native.Config) { c.Edits = []overlay.Edit{{File: "init.sql", Old: "no such text", New: "b"}} }, "edit 1 of init.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, upError(t, open(t, only(topology.RedisDB), c.change)), c.says)
		})
	}
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
