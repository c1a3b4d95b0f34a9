package docker_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/docker"
	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

// What was changed is changed in every life, also the first one without data.
func TestStackIsChanged(t *testing.T) {
	st := open(t, func(c *docker.Config) {
		c.Mutant = "forged-words"
		c.ServiceEnv = map[topology.Name]map[string]string{"": {"TOKEN_TTL": "1h", "LOG_LEVEL": "debug"}, topology.Auth: {"TOKEN_TTL": "7m0s"}}
		c.Settings = map[topology.Name]map[string]string{
			topology.PostgresDB: {"synchronous_commit": "off"},
			topology.RedisDB:    {"appendonly": "no", "maxclients": "123"},
			topology.RabbitMQ:   {"channel_max": "77"},
		}
		c.Edits = []overlay.Edit{
			{File: "system/cmd/auth/main.go", Old: `"tokens are signed"`, New: `"tokens are signed by a mutant"`},
			{File: "init.sql", Old: "'Conferencia Sistemas Distribuidos'", New: "'Conferencia Mutante'"},
			{File: "system/nginx/eventflow.conf.template", Old: "return 404;", New: "return 418;"},
		}
	})
	stacktest.Up(t, st)
	assert.Equal(t, "forged-words", st.Endpoints().Mutant)
	said := logOf(t, st, topology.Auth)
	assert.Contains(t, said, "tokens are signed by a mutant")
	assert.Contains(t, said, "7m0s", "its own environment wins")
	assert.Contains(t, said, "DEBUG", "and the common one counts")
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
	assert.Contains(t, logOf(t, st, topology.RedisDB), "Ready to accept connections", "of the life that was wiped")
	require.NoError(t, st.Restart(t.Context(), topology.Nginx))
	assert.Equal(t, http.StatusTeapot, statusOf(t, st))
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

// channels is how many channels the broker allows on one connection.
func channels(t *testing.T, st stack.Stack) uint16 {
	t.Helper()
	e := st.Endpoints()
	api, err := url.Parse(e.RabbitAPI)
	require.NoError(t, err)
	broker := url.URL{Scheme: "amqp", User: api.User, Host: e.Links["app-1_rabbitmq"], Path: "/"}
	conn, err := amqp.Dial(broker.String())
	require.NoError(t, err)
	defer conn.Close()
	return conn.Config.ChannelMax
}

// statusOf is what nginx's listener for observers answers to a strange question.
func statusOf(t *testing.T, st stack.Stack) int {
	t.Helper()
	shop, err := url.Parse(st.Endpoints().Shop)
	require.NoError(t, err)
	base, err := strconv.Atoi(shop.Port())
	require.NoError(t, err)
	edge, _ := topology.EventFlow().Service(topology.Nginx)
	status := topology.Block{Base: base - edge.Offset}.Extra(edge, "status")
	res, err := http.Get("http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(status)) + "/strange")
	require.NoError(t, err)
	defer res.Body.Close()
	return res.StatusCode
}
