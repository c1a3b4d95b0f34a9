package docker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/testcontainers/testcontainers-go/exec"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
)

// The broker's limits on its memory, in bytes: what docker-compose.yml gives it, and
// one beyond which it always is.
const (
	memoryLimit  = stack.BrokerMemory
	memoryBeyond = 1 << 20
)

// alarm lowers the limit below what the broker uses. It is noted before it is
// tried: when the answer is lost, the alarm may be on.
func (s *Stack) alarm(ctx context.Context, b *box) error {
	if b.life.gone() {
		return errEnded
	}
	b.life.alarmed.Store(true)
	return s.limitMemory(ctx, b, memoryBeyond, http.StatusServiceUnavailable)
}

func (s *Stack) alarmOff(ctx context.Context, b *box) error {
	if b.life.gone() {
		return errEnded
	}
	if err := s.limitMemory(ctx, b, memoryLimit, http.StatusOK); err != nil {
		return err
	}
	b.life.alarmed.Store(false)
	return nil
}

// limitMemory sets the limit and waits until the broker's own health check answers
// with that status. rabbitmqctl starts an Erlang machine of its own, most of a second;
// nothing quicker is in every image.
func (s *Stack) limitMemory(ctx context.Context, b *box, bytes, status int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	code, output, err := b.container.Exec(ctx, []string{"rabbitmqctl", "set_vm_memory_high_watermark", "absolute", strconv.Itoa(bytes)}, exec.Multiplexed())
	if err != nil {
		return fmt.Errorf("set memory limit: %w", err)
	}
	if code != 0 {
		said, _ := io.ReadAll(output) // what came is all there is to show
		return fmt.Errorf("set memory limit: exit status %d%s", code, stack.Quote(said))
	}
	if err := stack.Until(ctx, poll, func(ctx context.Context) error { return s.alarms(ctx, status) }); err != nil {
		return fmt.Errorf("memory alarm: %w", err)
	}
	return nil
}

// alarms asks the broker for the alarms in force now: 503 if there are any. What
// /api/nodes says of them is old: ten seconds were measured.
func (s *Stack) alarms(ctx context.Context, status int) error {
	api := strings.TrimSuffix(s.Endpoints().RabbitAPI, "/")
	return probe.Answers(ctx, api+"/api/health/checks/local-alarms", func(got int) bool { return got == status })
}
