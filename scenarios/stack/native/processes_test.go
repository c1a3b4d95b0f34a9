package native_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/native"
	"eventflow/scenarios/stack/probe"
	"eventflow/scenarios/stack/stacktest"
	"eventflow/toxiproxy/topology"
)

// stores are the services with the most processes below them.
var stores = []topology.Name{topology.PostgresDB, topology.RedisDB, topology.RabbitMQ}

// Every process of a service stands still when Pause returns, and none is left
// when Kill does. The services' own words do not tell: a backend that burns on
// after its postmaster's death listens nowhere.
func TestWholeTreeIsStoppedAndKilled(t *testing.T) {
	st := open(t, only(append(stores, topology.Nginx)...))
	stacktest.Up(t, st)
	burn(t, st.Endpoints().Observer)
	for _, n := range append(stores, topology.Nginx) {
		dir := filepath.Join(st.State().Dir, string(n))
		require.NoError(t, st.Pause(t.Context(), n))
		all := workingIn(dir)
		require.NotEmpty(t, all)
		for _, p := range all {
			assert.Equal(t, "T", stateLetter(t, p), p)
		}
		require.NoError(t, st.Pause(t.Context(), n), "paused already")
		assert.ErrorContains(t, st.Start(t.Context(), n), "paused")

		begun := time.Now()
		require.NoError(t, st.Kill(t.Context(), n))
		took := time.Since(begun)
		assert.Emptyf(t, workingIn(dir), "%s: it had %v", n, all)
		t.Logf("%s: %d processes gone within %v", n, len(all), took.Round(time.Millisecond))
		assert.Equal(t, []stack.ProcessFault{stack.Kill(n)}, st.InForce())
		assert.Equal(t, st.InForce(), st.State().Faults)
		require.NoError(t, st.Kill(t.Context(), n), "killed already")
		assert.ErrorContains(t, st.Pause(t.Context(), n), "ended")
		require.NoError(t, st.Start(t.Context(), n))
		require.NoError(t, st.Start(t.Context(), n), "it lives already")
		assert.Empty(t, st.InForce())
	}
	assert.Empty(t, st.Exited(), "all of it was asked for")
}

// burn keeps two backends busy that ask nobody for anything.
func burn(t *testing.T, dsn string) {
	t.Helper()
	for range 2 {
		conn, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() {
			_, err := conn.Exec(context.WithoutCancel(t.Context()), "select count(*) from generate_series(1, 1000000000000)")
			ended <- err
		}()
		t.Cleanup(func() { assert.Error(t, <-ended, "it died with its server") })
	}
	ctx, cancel := context.WithTimeout(t.Context(), stacktest.Patience)
	defer cancel()
	require.NoError(t, stack.Until(ctx, 10*time.Millisecond, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		var n int
		err = conn.QueryRow(ctx, "select count(*) from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()").Scan(&n)
		if err == nil && n < 2 {
			err = fmt.Errorf("%d busy backends", n)
		}
		return err
	}))
}

// stateLetter is the kernel's word on "PID name", as workingIn writes it.
func stateLetter(t *testing.T, process string) string {
	t.Helper()
	pid, _, _ := strings.Cut(process, " ")
	status, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(status), ") ")
	return after[:1]
}

func TestDownWhilePausedLeavesNothing(t *testing.T) {
	st := open(t)
	stacktest.Up(t, st)
	s := st.State()
	for n := range s.Children {
		require.NoError(t, st.Pause(t.Context(), n))
	}
	begun := time.Now()
	require.NoError(t, st.Down(t.Context()))
	t.Logf("down after %v", time.Since(begun).Round(time.Millisecond))
	assert.Empty(t, workingIn(s.Dir))
	assert.NoDirExists(t, s.Dir)
	assert.NoError(t, stacktest.Silent(t.Context(), s.Endpoints))
	assert.Empty(t, st.Exited())
	assert.Empty(t, st.InForce())
	_, err := st.Heal(t.Context())
	assert.ErrorContains(t, err, "down")
}

// A stopped process hears of nothing, not of its parent's death either.
func TestLabIsKilledWhileItsStackIsPaused(t *testing.T) {
	p := startLab(t, "paused")
	s := p.up(t)
	require.NotEmpty(t, workingIn(s.Dir))
	require.NoError(t, p.Process.Kill())
	_ = p.Wait()
	requireNothingRuns(t, s)
	requireSwept(t, s)
}

func TestHealStartsWhatEndedByItself(t *testing.T) {
	st := open(t, only(topology.RedisDB))
	stacktest.Up(t, st)
	redis := st.State().Children[topology.RedisDB].PID
	proc, err := os.FindProcess(redis)
	require.NoError(t, err)
	require.NoError(t, proc.Kill())
	<-st.Exited()
	assert.Empty(t, st.InForce(), "nobody asked for it")
	healed, err := st.Heal(t.Context())
	require.NoError(t, err)
	require.Len(t, healed, 1)
	assert.Equal(t, "it had ended by itself: signal: killed", healed[0].Was)
	assert.NoError(t, probe.Redis(t.Context(), st.Endpoints().RedisAddr, st.Endpoints().RedisPassword))
}

// Somebody else kills a server that stands still: what is below it must not stand
// there for ever, nor be in the way of the next life.
func TestPausedServiceEndsByItself(t *testing.T) {
	st := open(t, only(topology.PostgresDB))
	stacktest.Up(t, st)
	burn(t, st.Endpoints().Observer)
	require.NoError(t, st.Pause(t.Context(), topology.PostgresDB))
	proc, err := os.FindProcess(st.State().Children[topology.PostgresDB].PID)
	require.NoError(t, err)
	require.NoError(t, proc.Kill())
	<-st.Exited()
	assert.Empty(t, workingIn(filepath.Join(st.State().Dir, "postgres")))
	assert.Empty(t, st.InForce())
	_, err = st.Heal(t.Context())
	require.NoError(t, err)
	assert.NoError(t, probe.Postgres(t.Context(), st.Endpoints().Observer))
}

// What cannot be healed is named, stays in force, and is healed by a later try.
func TestHealNamesWhatItCannotHeal(t *testing.T) {
	st := open(t, only(topology.RedisDB, topology.PostgresDB), func(c *native.Config) { c.ReadyTimeout = 10 * time.Second })
	stacktest.Up(t, st)
	conf := filepath.Join(st.State().Dir, "redis", "redis.conf")
	good, err := os.ReadFile(conf)
	require.NoError(t, err)
	require.NoError(t, st.Kill(t.Context(), topology.RedisDB))
	require.NoError(t, st.Kill(t.Context(), topology.PostgresDB))
	require.NoError(t, os.WriteFile(conf, []byte("nonsense here\n"), 0o600))

	healed, err := st.Heal(t.Context())
	var unhealed *stack.HealError
	require.ErrorAs(t, err, &unhealed)
	require.Len(t, unhealed.Services, 1)
	assert.Equal(t, topology.RedisDB, unhealed.Services[0].Service)
	assert.ErrorContains(t, err, "Bad directive", "in the server's own words")
	assert.Equal(t, []stack.Healing{{Service: topology.PostgresDB, Was: "killed", How: "started"}}, healed)
	assert.Equal(t, []stack.ProcessFault{stack.Kill(topology.RedisDB)}, st.InForce())

	require.NoError(t, os.WriteFile(conf, good, 0o600))
	_, err = st.Heal(t.Context())
	require.NoError(t, err)
	assert.Empty(t, st.InForce())
}

// A wipe that is cut short is completed by Heal: half a cluster is no cluster.
func TestHealCompletesAWipe(t *testing.T) {
	st := open(t, only(topology.PostgresDB))
	stacktest.Up(t, st)
	query(t, st.Endpoints().Observer, "create table gone as select 1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, st.Wipe(ctx, topology.PostgresDB))
	require.Contains(t, st.InForce(), stack.Wipe(topology.PostgresDB))
	_, err := st.Heal(t.Context())
	require.NoError(t, err)
	assert.Empty(t, st.InForce())
	query(t, st.Endpoints().Observer, "select * from events")
	conn, err := pgx.Connect(t.Context(), st.Endpoints().Observer)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "select * from gone")
	assert.ErrorContains(t, err, "does not exist")
}

func TestDownInterruptsARestart(t *testing.T) {
	st := open(t, only(topology.RabbitMQ))
	stacktest.Up(t, st)
	require.NoError(t, st.Kill(t.Context(), topology.RabbitMQ))
	result := make(chan error, 1)
	go func() { result <- st.Start(context.WithoutCancel(t.Context()), topology.RabbitMQ) }()
	require.NoError(t, st.Down(t.Context()))
	assert.Error(t, <-result)
	assert.Empty(t, workingIn(st.State().Dir))
}

func TestFaultsNeedAStackThatIsUp(t *testing.T) {
	st := open(t, only(topology.RedisDB))
	assert.ErrorContains(t, st.Kill(t.Context(), topology.RedisDB), "down")
	assert.Empty(t, st.InForce())
	stacktest.Up(t, st)
	assert.ErrorContains(t, st.Kill(t.Context(), topology.PostgresDB), `no service "postgres" runs`)
	assert.ErrorContains(t, st.Alarm(t.Context()), `no service "rabbitmq" runs`)
}

// An alarm is a matter of the broker's present life: the next one begins without.
func TestAlarmEndsWithTheBrokersLife(t *testing.T) {
	st := open(t, only(topology.RabbitMQ))
	stacktest.Up(t, st)
	for range 2 {
		begun := time.Now()
		require.NoError(t, st.Alarm(t.Context()))
		on := time.Now()
		require.NoError(t, st.AlarmOff(t.Context()))
		t.Logf("alarm on after %v, off after %v", on.Sub(begun).Round(time.Millisecond), time.Since(on).Round(time.Millisecond))
	}
	assert.Empty(t, st.InForce())
	require.NoError(t, st.AlarmOff(t.Context()), "it is off")
	effect, err := st.Apply(t.Context(), stack.Alarm(topology.RabbitMQ))
	require.NoError(t, err)
	assert.True(t, effect.Bit, effect.Reason)
	require.NoError(t, st.Restart(t.Context(), topology.RabbitMQ))
	assert.Empty(t, st.InForce())
	require.NoError(t, st.Kill(t.Context(), topology.RabbitMQ))
	assert.ErrorContains(t, st.Alarm(t.Context()), "ended")
	assert.ErrorContains(t, st.AlarmOff(t.Context()), "ended")
}

// When the gentle way fails, the service is restarted: its data is kept, and
// whatever was done to its last life is over.
func TestHealRestartsWhatDoesNotMendGently(t *testing.T) {
	st := open(t, only(topology.RabbitMQ))
	stacktest.Up(t, st)
	require.NoError(t, st.Alarm(t.Context()))
	cookie := filepath.Join(st.State().Dir, "rabbitmq", "home", ".erlang.cookie")
	require.NoError(t, os.Remove(cookie))
	require.NoError(t, os.WriteFile(cookie, []byte("another"), 0o400))
	require.ErrorContains(t, st.AlarmOff(t.Context()), "set memory limit")
	require.Equal(t, []stack.ProcessFault{stack.Alarm(topology.RabbitMQ)}, st.InForce())
	healed, err := st.Heal(t.Context())
	require.NoError(t, err)
	require.Len(t, healed, 1)
	assert.Equal(t, "restarted", healed[0].How)
	assert.Contains(t, healed[0].Was, "in alarm; set memory limit")
	assert.Empty(t, st.InForce())
	assert.Empty(t, st.Exited())
}
