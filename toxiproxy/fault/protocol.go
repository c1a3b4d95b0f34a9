package fault

import (
	"bytes"

	"eventflow/toxiproxy/topology"
)

// conversation is the shortest talk that proves a protocol's server is there. It
// costs one round trip and needs no password.
type conversation struct {
	ask         []byte            // the server answers this and waits for more
	understands func([]byte) bool // the bytes so far are the beginning of its answer
	farewell    []byte            // the server closes the connection over this, answered or not
}

// conversation is the talk for what the link's upstream speaks.
func (i *Injector) conversation(l topology.Link) (conversation, bool) {
	s, _ := i.links.Service(l.To)
	switch s.Protocol {
	case topology.Redis:
		return redisTalk(), true
	case topology.Postgres:
		return postgresTalk(), true
	case topology.AMQP:
		return amqpTalk(), true
	case topology.HTTP:
		return httpTalk(), true
	}
	return conversation{}, false
}

// redisTalk takes +PONG, -NOAUTH and -LOADING alike: a server that says no is
// there.
func redisTalk() conversation {
	return conversation{
		ask:         []byte("PING\r\n"),
		understands: func(b []byte) bool { return len(b) > 0 && (b[0] == '+' || b[0] == '-') },
		farewell:    []byte("QUIT\r\n"),
	}
}

// postgresTalk asks for TLS, which takes one byte to answer: S or N, or E from a
// server that is too busy to talk. The farewell is a cancel request for nobody,
// which the server closes over without a word (and logs).
func postgresTalk() conversation {
	return conversation{
		ask:         []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f},
		understands: func(b []byte) bool { return len(b) > 0 && bytes.IndexByte([]byte("SNE"), b[0]) >= 0 },
		farewell:    []byte{0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 0, 0, 0, 0, 0},
	}
}

// amqpTalk sends the protocol header; the broker answers with Connection.Start,
// method (10, 10) on channel 0. The farewell is a header of no known version,
// which the broker closes over.
func amqpTalk() conversation {
	return conversation{
		ask: []byte("AMQP\x00\x00\x09\x01"),
		understands: func(b []byte) bool {
			return len(b) >= 11 && b[0] == 1 && bytes.Equal(b[1:3], []byte{0, 0}) && bytes.Equal(b[7:11], []byte{0, 10, 0, 10})
		},
		farewell: []byte("AMQP\x00\x00\x00\x00"),
	}
}

// httpTalk takes any status: 503 is an answer, and readiness is not the link's.
func httpTalk() conversation {
	const head = "GET /healthz HTTP/1.1\r\nHost: probe\r\nUser-Agent: link-probe\r\n"
	return conversation{
		ask:         []byte(head + "\r\n"),
		understands: func(b []byte) bool { return bytes.HasPrefix(b, []byte("HTTP/1.")) },
		farewell:    []byte(head + "Connection: close\r\n\r\n"),
	}
}
