package wire

import (
	"bytes"
	"encoding/binary"
)

// postgres asks for TLS, which takes one byte to answer: S or N, or E from a
// server that is too busy to talk. The long request, here and after an N, begins a
// session, and the server asks for a password or lets it begin. The farewell is a
// cancel request for nobody, over which the server closes without a word (and logs).
func postgres() Talk {
	first := func(letters string) func([]byte) bool {
		return func(b []byte) bool { return len(b) > 0 && bytes.IndexByte([]byte(letters), b[0]) >= 0 }
	}
	login := Exchange{Request: postgresLogin(), Understands: first("RE"), Complete: postgresComplete}
	return Talk{
		Hello: Exchange{
			Request:     postgresPacket([]byte{0x04, 0xd2, 0x16, 0x2f}),
			Understands: first("SNE"),
			Complete:    first("SNE"),
		},
		Long:     login,
		Next:     login,
		Farewell: postgresPacket([]byte{0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 0, 0, 0, 0, 0}),
	}
}

// postgresComplete is one whole message: a letter, its length without the letter.
func postgresComplete(b []byte) bool {
	return len(b) >= 5 && len(b) > int(binary.BigEndian.Uint32(b[1:5]))
}

// postgresLogin is version 3.0's first packet.
func postgresLogin() []byte {
	content := []byte{0, 3, 0, 0}
	for _, word := range []string{"user", "postgres", "database", "postgres", "application_name", string(padding())} {
		content = append(append(content, word...), 0)
	}
	return postgresPacket(append(content, 0))
}

// postgresPacket is a packet of the kind that begins a connection: length, content.
func postgresPacket(content []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(4+len(content))), content...)
}

// amqp sends the protocol header; the broker answers with Connection.Start, method
// (10, 10) on channel 0, of some hundred bytes. What is said next is a login that
// nobody has, refused by Connection.Close, (10, 50). The farewell is a header of no
// known version, over which the broker closes. It logs the latter two.
func amqp() Talk {
	start := Exchange{Request: []byte("AMQP\x00\x00\x09\x01"), Understands: amqpMethod(10), Complete: amqpComplete}
	return Talk{
		Hello:    start,
		Long:     start,
		Next:     Exchange{Request: amqpLogin(), Understands: amqpMethod(50), Complete: amqpComplete},
		Farewell: []byte("AMQP\x00\x00\x00\x00"),
	}
}

// amqpMethod recognises that method of class 10, connection.
func amqpMethod(method byte) func([]byte) bool {
	return func(b []byte) bool {
		return len(b) >= 11 && b[0] == 1 && bytes.Equal(b[1:3], []byte{0, 0}) && bytes.Equal(b[7:11], []byte{0, 10, 0, method})
	}
}

// amqpComplete is one whole frame: 7 bytes before its content and 1 after.
func amqpComplete(b []byte) bool {
	return len(b) >= 7 && len(b) >= 8+int(binary.BigEndian.Uint32(b[3:7]))
}

// amqpLogin is Connection.StartOk by nobody, who wants to be told of the refusal at
// once; without that wish the broker is silent for seconds and hangs up.
func amqpLogin() []byte {
	wish := append(short("authentication_failure_close"), 't', 1)
	properties := append(short("capabilities"), 'F')
	properties = append(properties, long(wish)...)
	content := append([]byte{0, 10, 0, 11}, long(properties)...)
	content = append(content, short("PLAIN")...)
	content = append(content, long([]byte("\x00link-probe\x00link-probe"))...)
	content = append(content, short("en_US")...)
	frame := append([]byte{1, 0, 0}, long(content)...)
	return append(frame, 0xce)
}

// short is AMQP's string of at most 255 bytes.
func short(s string) []byte { return append([]byte{byte(len(s))}, s...) }

// long is AMQP's string or table with four bytes of length.
func long(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }
