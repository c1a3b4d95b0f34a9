package proxy

import (
	"time"

	"eventflow/toxiproxy/toxics"
)

// chunk is what one read brought, or how the reading ended.
type chunk struct {
	number uint64 // from 1
	data   []byte
	read   time.Time
	after  toxics.End
}

// queue is what was read and not sent, in order. The chunk that is being sent
// stays at its front until all of it is gone.
type queue struct {
	chunks []chunk
	cost   int // bytes of memory, about
	last   uint64
}

// overhead is about what a chunk costs beside its bytes.
const overhead = 64

func (q *queue) empty() bool { return len(q.chunks) == 0 }

// push copies the data.
func (q *queue) push(data []byte, after toxics.End) {
	q.last++
	q.chunks = append(q.chunks, chunk{number: q.last, data: append([]byte(nil), data...), read: time.Now(), after: after})
	q.cost += len(data) + overhead
}

// advance takes n bytes from the front, and the front with its last one.
func (q *queue) advance(n int) {
	if q.empty() {
		return // thrown away meanwhile
	}
	front := &q.chunks[0]
	front.data = front.data[n:]
	q.cost -= n
	if len(front.data) > 0 {
		return
	}
	q.cost -= overhead
	q.chunks[0] = chunk{}
	q.chunks = q.chunks[1:]
}
