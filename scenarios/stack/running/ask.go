package running

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
)

// Ask asks every address of the stack in its own protocol, all at once. Its error
// names each that does not answer. The links are not asked: whoever comes may have
// come to heal them.
func Ask(ctx context.Context, e stack.Endpoints) error {
	questions := []func() error{
		func() error { return named("shop", probe.Answers(ctx, e.Shop+"/api/events", ofAShop)) },
		func() error { return named("postgres", probe.Postgres(ctx, e.Observer)) },
		func() error { return named("rabbitmq", probe.HTTP(ctx, e.RabbitAPI+"/api/queues/%2F")) },
		func() error { return named("redis", probe.Redis(ctx, e.RedisAddr, e.RedisPassword)) },
	}
	if e.Prometheus != "" {
		questions = append(questions, func() error { return named("prometheus", probe.HTTP(ctx, e.Prometheus+"/-/ready")) })
	}
	return together(append(questions, programsSay(ctx, e, "/healthz")...))
}

// Ready asks every program whether all that it depends on is reachable. Its error
// names each that says no, and what it lacks.
func Ready(ctx context.Context, e stack.Endpoints) error {
	return together(programsSay(ctx, e, "/readyz"))
}

func programsSay(ctx context.Context, e stack.Endpoints, path string) (questions []func() error) {
	for _, name := range slices.Sorted(maps.Keys(e.Health)) {
		questions = append(questions, func() error { return named(string(name), probe.HTTP(ctx, e.Health[name]+path)) })
	}
	return questions
}

// together asks all questions at once and keeps their order.
func together(questions []func() error) error {
	errs := make([]error, len(questions))
	var all sync.WaitGroup
	for i, q := range questions {
		all.Go(func() { errs[i] = q() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// ofAShop lets pass what a shop with broken links may answer: it is for the drill
// to heal them.
func ofAShop(status int) bool { return status == http.StatusOK || status >= 500 }

func named(part string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", part, err)
}
