package traffic

import (
	"fmt"
	"slices"
	"testing"

	"eventflow/scenarios/history"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBitsAreTheFreeSeatsInTheHallsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hall := fakeHall()[:rapid.IntRange(1, fakeSeats).Draw(t, "seats")]
		free := map[string]bool{}
		for _, seat := range hall {
			if rapid.Bool().Draw(t, seat) {
				free[seat] = true
			}
		}
		set := newSampler(hall, 1).next().bits(free)
		require.Len(t, set, (len(hall)+7)/8)
		for i, seat := range hall {
			require.Equal(t, free[seat], set[i/8]>>(i%8)&1 == 1, "place %d, seat %s", i, seat)
		}
	})
}

func TestSeatOutsideTheHallSetsNoBit(t *testing.T) {
	require.Equal(t, []byte{0b10}, newSampler([]string{"A-1", "A-2"}, 1).next().bits(map[string]bool{"A-2": true, "Z-9": true}))
}

func TestEveryNthMapIsNoted(t *testing.T) {
	h, _ := playUntil(t, newFakeShop(t, nil), Sale{Event: 7, Readers: 60, MapEvery: 3}, atLeast(12, history.Seats, history.OK))
	require.Equal(t, fakeHall(), h.Hall, "all of the hall, the seats kept back too")
	maps := only(h.Ops, history.Seats)[1:]
	noted := 0
	for _, op := range maps {
		if len(op.Free) > 0 {
			require.Equal(t, newSampler(h.Hall, 1).next().bits(all(h.Hall)), op.Free, "nobody buys")
			noted++
		}
	}
	require.Equal(t, (len(maps)+2)/3, noted)
}

func TestTenthMapIsNotedUnlessSaid(t *testing.T) {
	require.Equal(t, 10, Sale{}.withDefaults().MapEvery)
}

// A seat that somebody holds is not noted as free.
func TestHeldSeatIsNotNotedAsFree(t *testing.T) {
	f := newFakeShop(t, nil)
	f.owner["A-3"] = "somebody"
	h, _ := playUntil(t, f, Sale{Event: 7, Readers: 50, MapEvery: 1}, atLeast(4, history.Seats, history.OK))
	free := all(h.Hall)
	delete(free, "A-3")
	want := newSampler(h.Hall, 1).next().bits(free)
	maps := only(h.Ops, history.Seats)[1:]
	require.False(t, slices.ContainsFunc(maps, func(op history.Op) bool { return !slices.Equal(op.Free, want) }))
}

func all(seats []string) map[string]bool {
	set := map[string]bool{}
	for _, seat := range seats {
		set[seat] = true
	}
	return set
}

func BenchmarkBits(b *testing.B) {
	var hall []string
	for i := range 800 {
		hall = append(hall, fmt.Sprintf("A-%d", i))
	}
	at, free := newSampler(hall, 1).next(), all(hall)
	for b.Loop() {
		at.bits(free)
	}
}
