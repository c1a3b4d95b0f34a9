package toxics

import "time"

// Timeout loses all bytes of its direction, and ends the connection when none
// came for that long; 0 keeps it open. What was lost cannot be made good, so the
// connection ends when the toxic is removed.
type Timeout struct {
	Timeout int64 `json:"timeout"` // milliseconds
}

// Shape loses bytes; the stream's end passes.
func (t *Timeout) Shape(p *Piece, m *Memory) {
	if p.end() {
		return
	}
	p.Drop = true
	m.Since = later(m.Since, p.Arrived)
}

// Deadline is that long after the last chunk.
func (t *Timeout) Deadline(m *Memory) (time.Time, bool) {
	return m.Since.Add(times(t.Timeout, time.Millisecond)), t.Timeout > 0
}

// EndsOnRemoval says whether connections that the toxic was on cannot go on without it.
func EndsOnRemoval(t Toxic) bool {
	_, ok := t.(*Timeout)
	return ok
}

// LimitData closes the connection after that many bytes.
type LimitData struct {
	Bytes int64 `json:"bytes"`
}

// Shape cuts the chunk at the limit.
func (t *LimitData) Shape(p *Piece, m *Memory) {
	if p.end() {
		return
	}
	left := max(0, t.Bytes-m.sent)
	if int64(p.Bytes) < left {
		return
	}
	p.Bytes = int(left)
	p.Drop = left == 0
	p.After = Close
}

// Sent counts.
func (t *LimitData) Sent(n int, _ time.Duration, m *Memory) { m.sent += int64(n) }

// ResetPeer resets the connection a while after the first chunk or the end.
type ResetPeer struct {
	Timeout int64 `json:"timeout"` // milliseconds
}

// Shape ends all.
func (t *ResetPeer) Shape(p *Piece, _ *Memory) {
	p.Drop, p.After = true, Abort
	p.Due = p.Due.Add(times(t.Timeout, time.Millisecond))
}

// Reset resets every connection the moment it is put there, idle ones included,
// and every new one as long as it stays. Its direction makes no difference.
type Reset struct{}

// Shape ends all, should any byte be in flight still.
func (t *Reset) Shape(p *Piece, _ *Memory) { p.Drop, p.After = true, Abort }

// Resets says whether a connection with the toxic on it is to be reset at once.
func Resets(t Toxic) bool {
	_, ok := t.(*Reset)
	return ok
}
