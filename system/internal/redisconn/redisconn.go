// Package redisconn opens Redis the way EventFlow needs it: every wait is short
// and bounded, nothing is sent twice behind the caller's back, and each failure
// says whether the command may have been obeyed.
//
// It must not know what is kept in Redis.
package redisconn

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Options says where Redis is and how long to wait for it.
type Options struct {
	Addr     string        // host:port
	Password string        // empty: none
	Timeout  time.Duration // of one dial, one write, one read; default 200 ms
	PoolSize int           // connections; default 32: measured to saturate one Redis
	Log      *slog.Logger  // takes what the library would print to stderr; nil: nobody does
}

// Open makes a client. It connects when first used, so Redis may be down.
//
// MaxRetries is off because a repeated command hides that its first copy was
// obeyed. ContextTimeoutEnabled is on because the library otherwise ignores the
// caller's deadline. DialerRetries is 1 because the library's own 5 made a
// refused connection take 1.7 s.
func Open(o Options) *redis.Client {
	o = o.withDefaults()
	// The library has one logger for the whole process and no other way in.
	redis.SetLogger(libraryLog{o.Log})
	return redis.NewClient(&redis.Options{
		Addr: o.Addr, Password: o.Password, Protocol: 2,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout,
		PoolTimeout: o.Timeout / 2, PoolSize: o.PoolSize, MinIdleConns: min(4, o.PoolSize),
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 200 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.PoolSize <= 0 {
		o.PoolSize = 32
	}
	return o
}

// libraryLog passes the library's lines on at debug level: each is about a
// connection whose failure the caller gets as an error anyway.
type libraryLog struct{ log *slog.Logger }

// Printf is the library's interface.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "redis library", "message", fmt.Sprintf(format, v...))
}
