package native

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
	"eventflow/toxiproxy/topology"
)

// memoryBeyond is a limit on the broker's memory, in bytes, that it is always above.
const memoryBeyond = 1 << 20

// alarm lowers the limit below what the broker uses. It is noted before it is
// tried: when the answer is lost, the alarm may be on.
func (s *Stack) alarm(ctx context.Context, p *process) error {
	if p.gone() {
		return errEnded
	}
	p.alarmed.Store(true)
	return s.limitMemory(ctx, memoryBeyond, http.StatusServiceUnavailable)
}

func (s *Stack) alarmOff(ctx context.Context, p *process) error {
	if p.gone() {
		return errEnded
	}
	if err := s.limitMemory(ctx, stack.BrokerMemory, http.StatusOK); err != nil {
		return err
	}
	p.alarmed.Store(false)
	return nil
}

// limitMemory sets the limit and waits until the broker's own health check
// answers with that status.
//
// No HTTP call sets the limit, and rabbitmqctl starts an Erlang machine of its
// own: most of a second. erl_call, which comes with Erlang, speaks to the node
// and takes 10 ms. It finds the password in its HOME.
func (s *Stack) limitMemory(ctx context.Context, bytes, status int) error {
	if s.tools.erlCall == "" {
		return errors.New("erl_call is not installed; it belongs to Erlang (Debian: erlang-base, Fedora: erlang-erl_interface, macOS: brew's erlang)")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.launch.run(ctx, command{path: s.tools.erlCall, dir: s.rabbitPath(), env: map[string]string{"HOME": s.rabbitPath("home")}, args: []string{
		"-address", s.addr(topology.RabbitMQ, "distribution"), "-timeout", "4", "-no_result_term",
		"-a", fmt.Sprintf("vm_memory_monitor set_vm_memory_high_watermark [{absolute,%d}]", bytes),
	}})
	if err != nil {
		return fmt.Errorf("set memory limit: %w", err)
	}
	if err := stack.Until(ctx, poll, func(ctx context.Context) error { return s.alarms(ctx, status) }); err != nil {
		return fmt.Errorf("memory alarm: %w", err)
	}
	return nil
}

// alarms asks the broker for the alarms in force now: 503 if there are any. What
// /api/nodes says of them is old: ten seconds were measured.
func (s *Stack) alarms(ctx context.Context, status int) error {
	api := s.Endpoints().RabbitAPI
	return probe.Answers(ctx, strings.TrimSuffix(api, "/")+"/api/health/checks/local-alarms", func(got int) bool { return got == status })
}
