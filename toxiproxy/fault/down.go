package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrServerDown says that the proxy server itself is dead, or does not answer. No
// link carries anything then, and nothing that is felt is its upstream's doing.
var ErrServerDown = errors.New("proxy server does not answer: all links are down")

// aliveDeadline is how long a server may take to say its version, which it does
// without a lock.
const aliveDeadline = 300 * time.Millisecond

func (s *server) down(err error) error { return fmt.Errorf("%w (%s: %w)", ErrServerDown, s.base, err) }

// blame asks the server whether it lives when a call failed that it did not answer,
// and if not, says so instead of what each call felt.
func (i *Injector) blame(ctx context.Context, errs []error) []error {
	for _, err := range errs {
		if unanswered(err) {
			return i.blamed(errs, i.alive(ctx))
		}
	}
	return errs
}

func (i *Injector) blamed(errs []error, dead error) []error {
	out := make([]error, len(errs))
	for n, err := range errs {
		out[n] = err
		if dead != nil && unanswered(err) {
			out[n] = dead
		}
	}
	return out
}

// unanswered says that a call got no answer of the server's, so that it may be dead.
func unanswered(err error) bool {
	var api *apiError
	return err != nil && !errors.As(err, &api) && !errors.Is(err, ErrStock) && !errors.Is(err, ErrServerDown)
}

// alive returns ErrServerDown if the server does not say its version. It has its
// own time: the caller's may be over, which is no proof.
func (i *Injector) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), aliveDeadline)
	defer cancel()
	err := i.api.call(ctx, http.MethodGet, "/version", nil, nil)
	if err == nil || errors.Is(err, ErrServerDown) {
		return err
	}
	var api *apiError
	if errors.As(err, &api) {
		return nil
	}
	return i.api.down(err)
}
