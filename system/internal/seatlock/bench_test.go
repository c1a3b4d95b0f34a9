package seatlock_test

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/ticket"
)

// BenchmarkPing is the yardstick: one round trip on the same client.
func BenchmarkPing(b *testing.B) {
	f := start(b, seatlock.Options{})
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f.rdb.Ping(b.Context()).Err(); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkLock is WATCH, a pipelined read, MULTI/EXEC: three round trips.
func BenchmarkLock(b *testing.B) {
	f := start(b, seatlock.Options{})
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := ticket.Lock{ID: uuid.NewString(), User: "ana", Event: 1, Seats: []string{strconv.FormatInt(n.Add(1), 10)}}
			if _, err := f.locks.Lock(b.Context(), w); err != nil {
				b.Error(err)
			}
		}
	})
}
