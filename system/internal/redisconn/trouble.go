package redisconn

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"eventflow/system/internal/ticket"
)

// Dependency is the name in every error of this package.
const Dependency = "redis"

// Reading says what a failed command means that changes nothing: it may always
// be tried again. nil and redis.Nil pass through.
func Reading(err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return err
	}
	return ticket.Unavailable(Dependency, err)
}

// Writing says what a failed command means that changes something: whether it
// was obeyed is known only if it was never sent or Redis itself refused it.
// nil, redis.Nil and redis.TxFailedErr pass through.
func Writing(err error) error {
	switch {
	case err == nil, errors.Is(err, redis.Nil), errors.Is(err, redis.TxFailedErr):
		return err
	case neverSent(err), refused(err):
		return ticket.Unavailable(Dependency, err)
	}
	return ticket.Unknown(Dependency, err)
}

// neverSent holds for a connection that could not be had. A failed dial reports
// "dial" in *net.OpError; so it is told from a failed write or read.
func neverSent(err error) bool {
	if errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) || errors.Is(err, redis.ErrClosed) {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// refused holds for answers by which Redis says that it did nothing. Any other
// error reply stays unknown: inside EXEC the neighbours of a failed command
// have been obeyed.
func refused(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	for _, prefix := range []string{"EXECABORT", "NOSCRIPT", "LOADING", "OOM", "READONLY", "MISCONF", "NOAUTH", "WRONGPASS", "NOPERM", "BUSY", "ERR max number of clients"} {
		if strings.HasPrefix(reply.Error(), prefix) {
			return true
		}
	}
	return false
}

// Observer is told of every use of Redis: what for, when it began, how it ended.
type Observer func(op string, begun time.Time, err error)

// Guard keeps callers from queueing up behind a Redis that does not answer.
type Guard struct {
	breaker *gobreaker.CircuitBreaker[struct{}]
	observe Observer
}

// NewGuard makes a breaker: 5 failures in a row open it, one probe every
// 500 ms with jitter may close it again. observe may be nil.
func NewGuard(observe Observer) *Guard {
	if observe == nil {
		observe = func(string, time.Time, error) {}
	}
	return &Guard{observe: observe, breaker: gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: Dependency, MaxRequests: 1,
		// The jitter is drawn once for each guard, so that nodes probe apart.
		Timeout:      450*time.Millisecond + rand.N(100*time.Millisecond),
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 5 },
		IsSuccessful: func(err error) bool { return !isTrouble(err) },
		// A caller who left says nothing about Redis.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
	})}
}

// Do runs fn unless Redis has just failed repeatedly: then it says at once that
// Redis is unavailable, and nothing has been done. fn must return errors of
// Reading and Writing.
func (g *Guard) Do(op string, fn func() error) error {
	begun := time.Now()
	_, err := g.breaker.Execute(func() (struct{}, error) { return struct{}{}, fn() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		err = ticket.Unavailable(Dependency, err)
	}
	if isTrouble(err) {
		g.observe(op, begun, err)
	} else { // a missing key or a conflict is an answer
		g.observe(op, begun, nil)
	}
	return err
}

func isTrouble(err error) bool {
	return errors.Is(err, ticket.ErrUnavailable) || errors.Is(err, ticket.ErrUnknown)
}
