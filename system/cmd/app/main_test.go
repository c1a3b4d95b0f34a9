package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/ticket"
	"eventflow/system/internal/token"
)

const seed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// TestOneNode buys a seat through the program itself, with its three real
// dependencies, and stops it in good order.
func TestOneNode(t *testing.T) {
	pg, rd, mq := servertest.StartPostgres(t), servertest.StartRedis(t), servertest.StartRabbitMQ(t, 1<<30)
	var key token.PrivateKey
	require.NoError(t, key.UnmarshalText([]byte(seed)))
	bearer, _, err := token.NewIssuer(key, time.Hour, time.Now).Issue("ana", "Ana")
	require.NoError(t, err)
	listen := fmt.Sprintf("127.0.0.1:%d", servertest.FreePort(t))
	app := run(t, []string{"NODE=app-1", "LISTEN_ADDR=" + listen, "AUTH_PUBLIC_KEY=" + key.Public().String(), "REDIS_ADDR=" + rd.Addr,
		"POSTGRES_ADDR=" + pg.Addr, "POSTGRES_PASSWORD=" + servertest.Password, "POSTGRES_DB=" + pg.NewDatabase(t),
		"RABBITMQ_ADDR=" + mq.Addr, "RABBITMQ_USER=" + servertest.RabbitUser, "RABBITMQ_PASSWORD=" + servertest.RabbitPassword})
	call := func(method, path, body string) (int, map[string]any) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+listen+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+bearer)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, map[string]any{"err": err.Error()}
		}
		defer res.Body.Close()
		var doc map[string]any
		_ = json.NewDecoder(res.Body).Decode(&doc) // a 204 and the metrics have none
		return res.StatusCode, doc
	}
	until := func(status int, method, path, body string) (doc map[string]any) {
		t.Helper()
		servertest.WaitFor(t, 30*time.Second, func(context.Context) error {
			got, d := call(method, path, body)
			if doc = d; got != status {
				return fmt.Errorf("%s %s: %d %v", method, path, got, d)
			}
			return nil
		})
		return doc
	}
	rdb := redisconn.Open(redisconn.Options{Addr: rd.Addr})
	t.Cleanup(func() { _ = rdb.Close() }) // the server may be gone by then
	until(503, "POST", "/api/seats/lock", `{"event_id":999,"seats":["A-1"]}`)
	require.NoError(t, seatlock.New(rdb, seatlock.Options{}).Rebuild(t.Context(), nil))
	until(200, "GET", "/readyz", "")
	hall := until(200, "GET", "/api/events/999/seats", "")
	row := hall["sections"].([]any)[0].(map[string]any)["rows"].([]any)[0].(map[string]any)
	seat := row["seats"].([]any)[0].(map[string]any)["id"].(string)
	lock := until(201, "POST", "/api/seats/lock", fmt.Sprintf(`{"event_id":999,"seats":[%q]}`, seat))
	id := lock["lock_id"].(string)
	bought := until(202, "POST", "/api/purchase", fmt.Sprintf(`{"lock_id":%q}`, id))
	assert.Equal(t, ticket.TransactionID(id), bought["transaction_id"])
	assert.Equal(t, "queued", until(200, "GET", "/api/purchases/"+ticket.TransactionID(id), "")["status"])
	until(200, "GET", "/metrics", "")

	require.NoError(t, app.Process.Signal(syscall.SIGTERM))
	require.NoError(t, app.Wait(), "it ends in good order")
}

// run builds and starts the program; its log is shown when the test fails.
func run(t *testing.T, env []string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), "app")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	var log bytes.Buffer
	cmd := exec.Command(program)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(env, "PATH="+os.Getenv("PATH"), "LOG_LEVEL=debug"), &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // the test failed before it ended
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return cmd
}
