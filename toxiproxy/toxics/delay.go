package toxics

import "time"

// Latency delays every chunk by the same time ± jitter, counted from when it was
// read. Upstream and longer than the client waits, it is the fault `late`: the
// request arrives after the client has given up, in order, and so does its end.
type Latency struct {
	Latency int64 `json:"latency"` // milliseconds
	Jitter  int64 `json:"jitter"`  // milliseconds
}

// Neutral is a latency of 0.
func (t *Latency) Neutral() bool { return t.Latency <= 0 && t.Jitter <= 0 }

// Shape adds the delay, drawn once per chunk.
func (t *Latency) Shape(p *Piece, m *Memory) {
	if p.end() {
		return
	}
	if m.chunk != p.Chunk {
		m.chunk = p.Chunk
		jitter := int64(times(t.Jitter, time.Millisecond) / time.Millisecond)
		m.drawn = times(t.Latency+m.Dice.spread(jitter), time.Millisecond)
	}
	p.Due = p.Due.Add(m.drawn)
}

// Bandwidth lets that many bytes through per time; 0 lets none through and loses none.
type Bandwidth struct {
	Rate int64 `json:"rate"` // KB/s, that is bytes per millisecond
}

// burst is the longest time's worth of bytes that leaves in one piece.
const burst = 100 // milliseconds

// fastest is the rate above which a limit is none; it keeps rate*burst in range.
const fastest = 1 << 40

// Shape cuts the chunk to what may leave together and puts it behind what left before.
func (t *Bandwidth) Shape(p *Piece, m *Memory) {
	if p.end() || t.Rate > fastest {
		return
	}
	if t.Rate <= 0 {
		p.Held = true
		return
	}
	p.Bytes = int(min(int64(p.Bytes), t.Rate*burst))
	p.Due = later(m.free, p.Due).Add(time.Duration(p.Bytes) * time.Millisecond / time.Duration(t.Rate))
	m.out = p.Due
}

// Sent moves the line on. What was late for another reason is not caught up on.
func (t *Bandwidth) Sent(_ int, late time.Duration, m *Memory) { m.free = m.out.Add(late) }

// SlowClose delays the end of the stream.
type SlowClose struct {
	Delay int64 `json:"delay"` // milliseconds
}

// Neutral is a delay of 0.
func (t *SlowClose) Neutral() bool { return t.Delay <= 0 }

// Shape delays the end and nothing else.
func (t *SlowClose) Shape(p *Piece, _ *Memory) {
	if p.end() {
		p.Due = p.Due.Add(times(t.Delay, time.Millisecond))
	}
}

// Slicer sends chunks in slices.
type Slicer struct {
	AverageSize   int `json:"average_size"`   // bytes
	SizeVariation int `json:"size_variation"` // ± bytes
	Delay         int `json:"delay"`          // microseconds between slices
}

// Neutral is a slicer without a size: it could cut nothing.
func (t *Slicer) Neutral() bool { return t.AverageSize <= 0 }

// Shape cuts one slice off.
func (t *Slicer) Shape(p *Piece, m *Memory) {
	if p.end() {
		return
	}
	if m.slice == 0 {
		m.slice = max(1, t.AverageSize+int(m.Dice.spread(int64(t.SizeVariation))))
	}
	p.Bytes = min(p.Bytes, m.slice)
	if m.chunk == p.Chunk {
		p.Due = later(m.free, p.Due)
	}
	m.chunk = p.Chunk
	m.out = p.Due
}

// Sent starts the pause before the chunk's next slice.
func (t *Slicer) Sent(_ int, late time.Duration, m *Memory) {
	m.slice = 0
	m.free = m.out.Add(late + times(int64(t.Delay), time.Microsecond))
}

// Noop does nothing.
type Noop struct{}

// Neutral is always true.
func (t *Noop) Neutral() bool { return true }

// Shape does nothing.
func (t *Noop) Shape(*Piece, *Memory) {}
