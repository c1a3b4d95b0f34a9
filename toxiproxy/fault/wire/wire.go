// Package wire has, for each protocol that a link can carry, the shortest talk that
// proves its server is there. None needs a password: a server that says no is there.
//
// It opens no connection, and must not know what a fault is.
package wire

import (
	"bytes"

	"eventflow/toxiproxy/topology"
)

// Exchange is one request and how to tell its answer.
type Exchange struct {
	Request []byte
	// Understands says that the bytes so far are the beginning of the answer. It
	// needs 16 of them at most.
	Understands func([]byte) bool
	// Complete says that they are all of it.
	Complete func([]byte) bool
}

// Talk is what can be said to a server.
type Talk struct {
	// Hello is said first, and the server waits for more.
	Hello Exchange
	// Long can be said first as well: a request and its answer that have over a
	// hundred bytes together, so that a thin link is felt.
	Long Exchange
	// Next is as long and can be said after Hello.
	Next Exchange
	// Farewell makes the server end a new connection, answered or not.
	Farewell []byte
}

// Of is the talk for a protocol, false if there is none.
func Of(p topology.Protocol) (Talk, bool) {
	switch p {
	case topology.Redis:
		return redis(), true
	case topology.Postgres:
		return postgres(), true
	case topology.AMQP:
		return amqp(), true
	case topology.HTTP:
		return http(), true
	}
	return Talk{}, false
}

// pings is how many requests Redis is asked at once. The answers take up 112 bytes
// at least.
const pings = 16

// redis takes +PONG, -NOAUTH and -LOADING alike.
func redis() Talk {
	understands := func(b []byte) bool { return len(b) > 0 && (b[0] == '+' || b[0] == '-') }
	lines := func(n int) func([]byte) bool {
		return func(b []byte) bool { return bytes.Count(b, []byte("\r\n")) >= n }
	}
	ping := []byte("PING\r\n")
	long := Exchange{Request: bytes.Repeat(ping, pings), Understands: understands, Complete: lines(pings)}
	return Talk{
		Hello:    Exchange{Request: ping, Understands: understands, Complete: lines(1)},
		Long:     long,
		Next:     long,
		Farewell: []byte("QUIT\r\n"),
	}
}

// padding makes a request long that would be short.
func padding() []byte { return bytes.Repeat([]byte("x"), 100) }

// http takes any status: 503 is an answer, and readiness is not the link's.
func http() Talk {
	const head = "GET /healthz HTTP/1.1\r\nHost: probe\r\nUser-Agent: link-probe\r\n"
	ask := func(more string) Exchange {
		return Exchange{
			Request:     []byte(head + more + "\r\n"),
			Understands: func(b []byte) bool { return bytes.HasPrefix(b, []byte("HTTP/1.")) },
			Complete:    httpComplete,
		}
	}
	long := ask("X-Padding: " + string(padding()) + "\r\n")
	return Talk{Hello: ask(""), Long: long, Next: long, Farewell: []byte(head + "Connection: close\r\n\r\n")}
}

// httpComplete knows answers with a Content-Length, which servers give to those
// that are short and ready.
func httpComplete(b []byte) bool {
	head, body, ended := bytes.Cut(b, []byte("\r\n\r\n"))
	return ended && len(body) >= contentLength(head)
}

func contentLength(head []byte) int {
	_, rest, found := bytes.Cut(bytes.ToLower(head), []byte("\ncontent-length:"))
	n := 0
	for _, c := range bytes.TrimLeft(rest, " ") {
		if !found || c < '0' || c > '9' || n > 1<<20 {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}
