package servertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Password is what every role of a test database is given.
const Password = "test-password"

// Postgres is a running PostgreSQL with a superuser "postgres" without password.
type Postgres struct {
	*Process
	Addr string // host:port
	made atomic.Int32
}

// nobody is who PostgreSQL runs as when the tests run as root, which it refuses.
const nobody = 65534

// StartPostgres makes a cluster and starts it.
func StartPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	bin := postgresBin(tb)
	data := filepath.Join(room(tb), "pg")
	asNobody := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + filepath.Dir(data)}
		cmd.Dir = filepath.Dir(data)
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		return cmd
	}
	makeCluster(tb, data, asNobody("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"))
	port := FreePort(tb)
	pg := &Postgres{Addr: fmt.Sprintf("127.0.0.1:%d", port)}
	pg.Process = run(tb, func() *exec.Cmd {
		return asNobody("postgres", "-D", data, "-c", "listen_addresses=127.0.0.1", "-c", fmt.Sprintf("port=%d", port),
			"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=100")
	}, func(ctx context.Context) error { return pg.exec(ctx, "postgres", "select 1") })
	return pg
}

func postgresBin(tb testing.TB) string {
	tb.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the only error is a bad pattern
	if len(found) == 0 {
		need(tb, "initdb")
		path, _ := exec.LookPath("initdb") // need has just found it
		return filepath.Dir(path)
	}
	need(tb, "psql")
	return filepath.Dir(found[len(found)-1])
}

func makeCluster(tb testing.TB, data string, initdb *exec.Cmd) {
	tb.Helper()
	if err := os.Mkdir(data, 0o700); err != nil {
		tb.Fatalf("make a data directory: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(data, nobody, nobody); err != nil {
			tb.Fatalf("hand over %s: %v", data, err)
		}
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
}

// NewDatabase makes a database of its own with EventFlow's schema and gives its
// name.
func (pg *Postgres) NewDatabase(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("eventflow_%d", pg.made.Add(1))
	if err := pg.exec(context.Background(), "postgres", "create database "+name); err != nil {
		tb.Fatalf("create database: %v", err)
	}
	if out, err := pg.Init(name, Password); err != nil {
		tb.Fatalf("init.sql: %v\n%s", err, out)
	}
	return name
}

// Init applies init.sql with psql, as every stack does. An empty password leaves
// the variables unset.
func (pg *Postgres) Init(database, password string) (output []byte, err error) {
	_, here, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(here), "..", "..", "..", "init.sql")
	cmd := exec.Command("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", pg.DSN(database), "-f", script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	if password != "" {
		cmd.Env = append(cmd.Env, "EVENTFLOW_APP_PASSWORD="+password, "EVENTFLOW_AUTH_PASSWORD="+password, "EVENTFLOW_CONSUMER_PASSWORD="+password)
	}
	return cmd.CombinedOutput()
}

// DSN is the superuser's way into a database.
func (pg *Postgres) DSN(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable&connect_timeout=2", pg.Addr, database)
}

// Query gives the first column of a superuser's query as text, row by row.
func (pg *Postgres) Query(tb testing.TB, database, sql string, args ...any) []string {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, pg.DSN(database))
	if err != nil {
		tb.Fatalf("connect as superuser: %v", err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return out
}

func (pg *Postgres) exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, pg.DSN(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
