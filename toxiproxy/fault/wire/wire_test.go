package wire_test

import (
	"testing"

	"eventflow/toxiproxy/fault/wire"
	"eventflow/toxiproxy/topology"
)

// Answers as real servers give them, and the last byte decides whether it is whole.
func TestAnAnswerIsWholeWithItsLastByte(t *testing.T) {
	for name, tt := range map[string]struct {
		protocol topology.Protocol
		pick     func(wire.Talk) wire.Exchange
		answer   string
	}{
		"redis":            {topology.Redis, hello, "+PONG\r\n"},
		"redis, no login":  {topology.Redis, hello, "-NOAUTH Authentication required.\r\n"},
		"postgres":         {topology.Postgres, hello, "N"},
		"postgres, error":  {topology.Postgres, long, "E\x00\x00\x00\x0cSFATAL\x00\x00"},
		"postgres, login":  {topology.Postgres, next, "R\x00\x00\x00\x08\x00\x00\x00\x0a"},
		"http":             {topology.HTTP, hello, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"},
		"http, no content": {topology.HTTP, hello, "HTTP/1.1 204 No Content\r\n\r\n"},
		"amqp":             {topology.AMQP, hello, "\x01\x00\x00\x00\x00\x00\x05\x00\x0a\x00\x0a\x00\xce"},
		"amqp, refused":    {topology.AMQP, next, "\x01\x00\x00\x00\x00\x00\x05\x00\x0a\x00\x32\x00\xce"},
	} {
		t.Run(name, func(t *testing.T) {
			talk, ok := wire.Of(tt.protocol)
			if !ok {
				t.Fatal("no talk")
			}
			e, b := tt.pick(talk), []byte(tt.answer)
			if !e.Understands(b) || !e.Complete(b) {
				t.Errorf("understood %v, complete %v", e.Understands(b), e.Complete(b))
			}
			if e.Complete(b[:len(b)-1]) {
				t.Error("complete without its last byte")
			}
			if e.Understands([]byte("*wrong")) {
				t.Error("anything passes for its answer")
			}
		})
	}
}

func hello(t wire.Talk) wire.Exchange { return t.Hello }
func long(t wire.Talk) wire.Exchange  { return t.Long }
func next(t wire.Talk) wire.Exchange  { return t.Next }
