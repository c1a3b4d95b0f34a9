package traffic

import "sync/atomic"

// places is where in the hall each seat is.
type places struct {
	of   map[string]int
	size int // of the hall
}

// bits is a set of seats: bit i of byte i/8 stands for place i of the hall. nil
// without places, and then nothing is noted.
func (at *places) bits(seats map[string]bool) []byte {
	if at == nil {
		return nil
	}
	set := make([]byte, (at.size+7)/8)
	for seat := range seats {
		if i, ok := at.of[seat]; ok {
			set[i/8] |= 1 << (i % 8)
		}
	}
	return set
}

// sampler chooses the reads whose whole map is noted: every nth, by counting, so
// that chance has no part in it and a journal stays small.
type sampler struct {
	hall  *places
	every int64
	reads atomic.Int64
}

func newSampler(hall []string, every int) *sampler {
	at := &places{of: make(map[string]int, len(hall)), size: len(hall)}
	for i, seat := range hall {
		at.of[seat] = i
	}
	return &sampler{hall: at, every: int64(every)}
}

// next is the hall's places if the next read is to be noted, otherwise nil. The
// first is.
func (s *sampler) next() *places {
	if (s.reads.Add(1)-1)%s.every != 0 {
		return nil
	}
	return s.hall
}
