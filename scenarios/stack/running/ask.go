package running

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/probe"
)

// ask asks every address that was stated, all at once, and answers an error for
// each that does not answer, in the order of the settings. The links are not asked:
// whoever attaches may have come to heal them.
func (c Config) ask(ctx context.Context, e stack.Endpoints) []error {
	questions := []func() error{
		func() error { return named("shop", probe.Answers(ctx, e.Shop+"/api/events", ofAShop)) },
		func() error { return named("observer", probe.Postgres(ctx, e.Observer)) },
		func() error { return named("rabbit", probe.HTTP(ctx, e.RabbitAPI+"/api/queues/%2F")) },
		func() error { return named("redis", probe.Redis(ctx, e.RedisAddr, e.RedisPassword)) },
	}
	if e.Prometheus != "" {
		questions = append(questions, func() error { return named("prometheus", probe.HTTP(ctx, e.Prometheus+"/-/ready")) })
	}
	for _, name := range health(e) {
		questions = append(questions, func() error {
			return named(HealthFlag+" "+string(name), probe.HTTP(ctx, e.Health[name]+"/healthz"))
		})
	}
	errs := make([]error, len(questions))
	var all sync.WaitGroup
	for i, q := range questions {
		all.Go(func() { errs[i] = q() })
	}
	all.Wait()
	return errs
}

// ofAShop lets pass what a shop with broken links may answer: it is for the drill
// to heal them.
func ofAShop(status int) bool { return status == http.StatusOK || status >= 500 }

func named(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--%s: %w", flag, err)
}
