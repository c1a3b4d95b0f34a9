package proxy

import (
	"errors"
	"os"
	"time"

	"eventflow/toxiproxy/toxics"
)

// drainer sends a lane's queue as the toxics say. All that it waits for is the
// clock, a note that something changed, and the destination; and a change of
// toxics interrupts the last as well.
type drainer struct {
	lane     *lane
	memories map[uint64]*toxics.Memory // per toxic
}

func newDrainer(l *lane) *drainer { return &drainer{lane: l} }

// step is what the toxics say about the front of the queue.
type step struct {
	toxics.Piece
	data     []byte
	shaped   []*active // the toxics that the piece went through
	deadline time.Time // when the connection ends by itself; zero: not
}

func (d *drainer) run() {
	clock := time.NewTimer(0)
	defer clock.Stop()
	for {
		s, some := d.next()
		due, expires := s.due(some)
		now := time.Now()
		switch {
		case due.IsZero() || due.After(now):
			if !d.wait(clock, due, now) {
				return
			}
		case expires:
			d.lane.conn.close()
			return
		case !d.send(s):
			return
		}
	}
}

// due is when something is to be done, zero if only a change can tell, and
// whether that is the end of the connection.
func (s step) due(some bool) (at time.Time, expires bool) {
	ready := some && !s.Held
	if ready && (s.deadline.IsZero() || !s.Due.After(s.deadline)) {
		return s.Due, false
	}
	return s.deadline, true
}

// wait returns false when the connection is over.
func (d *drainer) wait(clock *time.Timer, until, now time.Time) bool {
	var rings <-chan time.Time
	if !until.IsZero() {
		clock.Reset(until.Sub(now))
		rings = clock.C
	}
	select {
	case <-d.lane.conn.ctx.Done():
		return false
	case <-d.lane.wake:
	case <-rings:
	}
	return true
}

// next asks the toxics about the front of the queue; false if there is none.
func (d *drainer) next() (step, bool) {
	l := d.lane
	l.mu.Lock()
	on := make([]*active, 0, len(l.plan.toxics))
	for _, t := range l.plan.toxics {
		if l.affected(t) {
			on = append(on, t)
		}
	}
	var front chunk
	some := !l.queue.empty()
	if some {
		front = l.queue.chunks[0]
	}
	l.mu.Unlock()
	s := step{data: front.data}
	if some {
		d.shape(&s, front, on)
	}
	s.deadline = d.deadline(on)
	return s, some
}

func (d *drainer) shape(s *step, front chunk, on []*active) {
	s.Piece = toxics.Piece{Chunk: front.number, Arrived: front.read, Due: front.read, Bytes: len(front.data), After: front.after}
	for _, t := range on {
		t.toxic.Shape(&s.Piece, d.memory(t))
		s.shaped = append(s.shaped, t)
		if s.Held || s.Drop {
			return
		}
	}
}

func (d *drainer) deadline(on []*active) time.Time {
	var first time.Time
	for _, t := range on {
		timer, ok := t.toxic.(toxics.Timer)
		if !ok {
			continue
		}
		if at, set := timer.Deadline(d.memory(t)); set && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func (d *drainer) memory(t *active) *toxics.Memory {
	m := d.memories[t.id]
	if m == nil {
		m = &toxics.Memory{Dice: d.lane.conn.proxy.dice, Since: time.Now()}
		if d.memories == nil {
			d.memories = map[uint64]*toxics.Memory{}
		}
		d.memories[t.id] = m
	}
	return m
}

// send sends or loses the piece and returns false when the direction is over.
func (d *drainer) send(s step) bool {
	l := d.lane
	n, err := s.Bytes, error(nil)
	if s.Drop {
		l.flow.Lost.Add(int64(n))
	} else {
		n, err = l.write(s.data[:s.Bytes])
	}
	d.count(s, n)
	l.mu.Lock()
	l.queue.advance(n)
	l.mu.Unlock()
	signal(l.room)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return true // the toxics changed: ask them about the rest
	case err != nil:
		l.die()
		return false
	case s.After != toxics.None:
		l.finish(s.After)
		return false
	}
	return true
}

func (d *drainer) count(s step, n int) {
	late := max(0, time.Since(s.Due))
	for _, t := range s.shaped {
		if c, ok := t.toxic.(toxics.Counter); ok {
			c.Sent(n, late, d.memory(t))
		}
	}
}
