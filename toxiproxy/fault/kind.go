package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Kind names a fault by what the link's client sees of it.
type Kind string

// The kinds of fault. The first four are all that the stock server can do reliably;
// the others need this repository's.
const (
	// KindCut: open connections end at once, new ones are refused at once.
	KindCut Kind = "cut"
	// KindSlow: each answer is late by Delay, give or take Jitter. Connections live.
	KindSlow Kind = "slow"
	// KindHang: connecting works, then nothing comes and nothing arrives. What was
	// sent meanwhile is lost; the connections end when the link heals.
	KindHang Kind = "hang"
	// KindLoseReplies: as a hang, but requests do arrive and are obeyed. Only the
	// answers are lost.
	KindLoseReplies Kind = "lose-replies"

	// KindHold: as a hang, but nothing is lost: when the link heals everything
	// arrives, in order and on the same connections. Both directions, or one.
	KindHold Kind = "hold"
	// KindLoseRequests: as a hang, but what the server says by itself does come.
	KindLoseRequests Kind = "lose-requests"
	// KindLate: each request arrives late by Delay, also when its client has given
	// up and hung up meanwhile. Connections live.
	KindLate Kind = "late"
	// KindReset: open connections, idle ones too, are reset at once; new ones connect
	// and are reset at once.
	KindReset Kind = "reset"
	// KindTrickle: bytes pass at Rate. Connections live. Both directions, or one.
	KindTrickle Kind = "trickle"
	// KindTruncate: each connection ends after Bytes more of its answers (up: of its
	// requests), in the middle of one if that is where they end.
	KindTruncate Kind = "truncate"
	// KindFlap: cut and whole by turns, half a Period each.
	KindFlap Kind = "flap"
)

// Kinds are all kinds of fault, in the order in which people meet them.
func Kinds() []Kind {
	return []Kind{
		KindCut, KindHang, KindHold, KindSlow, KindLoseReplies, KindLoseRequests,
		KindLate, KindReset, KindTrickle, KindTruncate, KindFlap,
	}
}

// Direction is a way through a link.
type Direction string

// The directions.
const (
	Up   Direction = "up"   // from the client to the server: requests
	Down Direction = "down" // back: answers
	Both Direction = "both"
)

// has says whether this direction is, or contains, that one.
func (d Direction) has(one Direction) bool { return d == one || d == Both }

// takes are the fields that a kind of fault takes beside its links.
type takes struct {
	ways                               []Direction // the first is meant if none is named
	delay, jitter, rate, bytes, period bool
}

// takes is false for a kind that there is not.
func (k Kind) takes() (takes, bool) {
	switch k {
	case KindCut, KindHang, KindLoseReplies, KindLoseRequests, KindReset:
		return takes{}, true
	case KindSlow:
		return takes{delay: true, jitter: true}, true
	case KindLate:
		return takes{delay: true}, true
	case KindHold:
		return takes{ways: []Direction{Both, Up, Down}}, true
	case KindTrickle:
		return takes{ways: []Direction{Both, Up, Down}, rate: true}, true
	case KindTruncate:
		return takes{ways: []Direction{Down, Up}, bytes: true}, true
	case KindFlap:
		return takes{period: true}, true
	}
	return takes{}, false
}

// stock says whether the stock server can do it, too.
func (k Kind) stock() bool {
	return slices.Contains([]Kind{whole, KindCut, KindSlow, KindHang, KindLoseReplies}, k)
}

func kindList() string {
	kinds := Kinds()
	names := make([]string, len(kinds))
	for n, k := range kinds {
		names[n] = string(k)
	}
	last := len(names) - 1
	return fmt.Sprintf("%s and %s", strings.Join(names[:last], ", "), names[last])
}
