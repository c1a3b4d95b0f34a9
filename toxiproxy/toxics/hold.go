package toxics

// Hold is a partition that ends: silence in its direction, and nothing lost. What
// was read before the queue was full waits here, the rest in the sockets, and all
// of it goes on, in order and on the same connection, when the toxic is removed.
//
// A connection made while requests are held is taken, and led on only at the heal.
type Hold struct{}

// Shape holds everything, the stream's end too.
func (t *Hold) Shape(p *Piece, _ *Memory) { p.Held = true }

// Holds says whether the toxic holds all that comes, however little.
func Holds(t Toxic) bool {
	_, ok := t.(*Hold)
	return ok
}
