package stack_test

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

func TestProcessFaultsAreData(t *testing.T) {
	for _, f := range []stack.ProcessFault{
		stack.Kill(topology.PostgresDB), stack.Pause(topology.App2), stack.Restart(topology.Toxiproxy),
		stack.Wipe(topology.RedisDB), stack.Alarm(topology.RabbitMQ),
	} {
		require.NoError(t, f.Validate(topology.EventFlow()), f)
		data, err := json.Marshal(f)
		require.NoError(t, err)
		var back stack.ProcessFault
		require.NoError(t, json.Unmarshal(data, &back))
		assert.Equal(t, f, back)
	}
	data, err := json.Marshal(stack.Kill(topology.PostgresDB))
	require.NoError(t, err)
	assert.JSONEq(t, `{"kind":"kill","service":"postgres"}`, string(data))
	assert.Equal(t, "kill postgres", stack.Kill(topology.PostgresDB).String())
}

func TestProcessFaultsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		fault stack.ProcessFault
		want  []string
	}{
		{stack.ProcessFault{Kind: "explode", Service: "nobody"}, []string{"explode", "kill, pause, restart, wipe, alarm", `"nobody"`, "postgres"}},
		{stack.Wipe(topology.App1), []string{"app-1 keeps no data", "redis, rabbitmq, postgres"}},
		{stack.Alarm(topology.RedisDB), []string{"redis is no broker", "takes rabbitmq"}},
		{stack.ProcessFault{}, []string{"unknown kind", "no service"}},
	} {
		for _, part := range c.want {
			assert.ErrorContains(t, c.fault.Validate(topology.EventFlow()), part)
		}
	}
}

func TestOnlySomeFaultsLast(t *testing.T) {
	assert.True(t, stack.Kill("x").Lasts() && stack.Pause("x").Lasts() && stack.Alarm("x").Lasts())
	assert.False(t, stack.Restart("x").Lasts() || stack.Wipe("x").Lasts())
}

func TestAFaultThatIsNotFeltDidNotBite(t *testing.T) {
	e := stack.Effect{Fault: stack.Pause(topology.RedisDB)}
	assert.True(t, e.Felt(stack.Silent, nil).Bit)
	missed := e.Felt(stack.Broken, errors.New("eof"))
	assert.False(t, missed.Bit)
	assert.Equal(t, `pause redis: a client felt "broken" instead of "silent": eof`, missed.Reason)
}

func TestHealErrorNamesTheServices(t *testing.T) {
	err := error(&stack.HealError{Services: []stack.ServiceError{
		{Service: topology.RedisDB, Err: os.ErrPermission}, {Service: topology.App1, Err: errors.New("deaf")}}})
	assert.EqualError(t, err, "not healed: redis: permission denied; app-1: deaf")
	assert.ErrorIs(t, err, os.ErrPermission)
}
