package seatlock_test

import (
	"bytes"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"eventflow/system/internal/redisconn"
	"eventflow/system/internal/seatlock"
	"eventflow/system/internal/servertest"
	"eventflow/system/internal/ticket"
)

// fixture is a real Redis with an epoch and locks on it.
type fixture struct {
	server *servertest.Redis
	rdb    *redis.Client
	locks  *seatlock.Locks
}

func open(tb testing.TB, addr string) *redis.Client {
	tb.Helper()
	rdb := redisconn.Open(redisconn.Options{Addr: addr})
	tb.Cleanup(func() { _ = rdb.Close() }) // the server may be gone by then
	return rdb
}

func start(tb testing.TB, o seatlock.Options) *fixture {
	tb.Helper()
	s := servertest.StartRedis(tb)
	f := &fixture{server: s, rdb: open(tb, s.Addr)}
	f.locks = seatlock.New(f.rdb, o)
	require.NoError(tb, f.locks.Rebuild(tb.Context(), nil))
	return f
}

func want(user string, event int, seats ...string) ticket.Lock {
	return ticket.Lock{ID: uuid.NewString(), User: user, Event: event, Seats: seats, AmountCents: 100 * len(seats)}
}

func (f *fixture) lock(tb testing.TB, w ticket.Lock) ticket.Lock {
	tb.Helper()
	got, err := f.locks.Lock(tb.Context(), w)
	require.NoError(tb, err)
	return got
}

func (f *fixture) begin(tb testing.TB, w ticket.Lock) seatlock.Attempt {
	tb.Helper()
	a, err := f.locks.BeginPurchase(tb.Context(), w.ID, w.User, "app-1")
	require.NoError(tb, err)
	return a
}

func (f *fixture) state(tb testing.TB, event int, seat string) ticket.SeatState {
	tb.Helper()
	m, err := f.locks.Seats(tb.Context(), event, []string{seat})
	require.NoError(tb, err)
	return m[seat]
}

// lapse does what Redis's clock does to a held lock's seats.
func (f *fixture) lapse(tb testing.TB, event int, seats ...string) {
	tb.Helper()
	for _, s := range seats {
		require.NoError(tb, f.rdb.Del(tb.Context(), seatKey(event, s)).Err())
	}
}

func seatKey(event int, seat string) string { return "seat:" + strconv.Itoa(event) + ":" + seat }

func purchaseOf(w ticket.Lock) ticket.Purchase {
	return ticket.Purchase{Transaction: ticket.TransactionID(w.ID), LockID: w.ID, User: w.User, Event: w.Event, Seats: w.Seats,
		AmountCents: w.AmountCents, Node: "app-1", AcceptedAt: time.Now()}
}

// loser is a way to Redis that, while armed, carries commands to it but loses
// every answer of a connection from the moment the word has passed.
type loser struct {
	addr  string
	word  []byte
	armed atomic.Bool
	lost  atomic.Int64
}

func newLoser(tb testing.TB, target, word string) *loser {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = listener.Close() })
	l := &loser{addr: listener.Addr().String(), word: []byte(word)}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			var mute atomic.Bool
			go l.carry(server, client, &mute, l.word)
			go l.carry(client, server, &mute, nil)
		}
	}()
	return l
}

// carry copies to dst; with a word it watches for it, without one it obeys mute.
func (l *loser) carry(dst, src net.Conn, mute *atomic.Bool, word []byte) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		if word != nil && l.armed.Load() && bytes.Contains(buf[:n], word) {
			mute.Store(true)
			l.lost.Add(1)
		}
		if word == nil && mute.Load() {
			continue
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

func z(member string, at time.Time) redis.Z {
	return redis.Z{Score: float64(at.UnixMilli()) / 1000, Member: member}
}
