package traffic

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func busySale() Sale {
	return Sale{Event: 7, Seats: 40, Buyers: 40, HotSeats: 4, HotShare: 0.5, RegisterShare: 0.2,
		PurchaseShare: 0.7, AbandonShare: 0.2, ExtendShare: 0.3, Seed: 11}.withDefaults()
}

func TestChoicesAreAFunctionOfSeedAndBuyer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := busySale()
		s.PressShare, s.HoldShare, s.HoldFor, s.StubbornShare = 0.5, 0.5, time.Second, 0.5
		s.Seed = rapid.Uint64().Draw(t, "seed")
		k := rapid.IntRange(1, 1_000_000).Draw(t, "buyer")
		first := s.choose(k, 40)
		s.choose(k+1, 40) // what others choose changes nothing
		require.Equal(t, first, s.choose(k, 40))
		other := s
		other.Seed++
		require.NotEqual(t, first.requests, other.choose(k, 40).requests, "another seed, other request ids")
		require.NotEqual(t, first.requests, s.choose(k+1, 40).requests, "another buyer, other request ids")
		require.Equal(t, s.coldEvent(k), s.coldEvent(k))
	})
}

func TestRankingNamesEverySeatOnceAndHotOnesFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seats := rapid.IntRange(1, 90).Draw(t, "seats")
		s := Sale{Seed: rapid.Uint64().Draw(t, "seed"), HotSeats: rapid.IntRange(0, 100).Draw(t, "hot seats"), HotShare: 1}
		k := rapid.IntRange(1, 10_000).Draw(t, "buyer")
		ranking := s.choose(k, seats).ranking
		require.Equal(t, s.choose(k, seats).party, min(s.choose(k, seats).party, seats))
		if block := min(s.HotSeats, seats); block > 0 {
			for _, place := range ranking[:block] {
				require.Less(t, (place-k/(crowd*block)*block%seats+seats)%seats, block, "the first %d are the block of the moment", block)
			}
		}
		slices.Sort(ranking)
		for i, place := range ranking {
			require.Equal(t, i, place)
		}
		require.Len(t, ranking, seats)
	})
}

func TestSharesAreMet(t *testing.T) {
	s, n := busySale(), 4000
	ends := map[ending]int{}
	registers := 0
	for k := range n {
		c := s.choose(k+1, 40)
		ends[c.ending]++
		if c.registers {
			registers++
		}
	}
	require.InDelta(t, 0.7, float64(ends[buys])/float64(n), 0.04)
	require.InDelta(t, 0.2, float64(ends[givesBack])/float64(n), 0.04)
	require.InDelta(t, 0.2, float64(registers)/float64(n), 0.04)
}

func TestTransactionIDIsTheContracts(t *testing.T) {
	// Computed with Python: uuid.uuid5(UUID("6f6a1a0e-..."), "<lock id>").
	require.Equal(t, "5167189a-8974-56e6-af3d-eae5a3db3ac2", TransactionID("11111111-2222-4333-8444-555555555555"))
}

func TestSaleIsData(t *testing.T) {
	text, err := json.Marshal(busySale())
	require.NoError(t, err)
	var back Sale
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, busySale(), back)
}

func TestSaleThatMakesNoSenseIsRefused(t *testing.T) {
	require.NoError(t, busySale().Validate())
	for name, spoil := range map[string]func(*Sale){
		"no event":              func(s *Sale) { s.Event = 0 },
		"negative rate":         func(s *Sale) { s.Readers = -1 },
		"accounts without door": func(s *Sale) { s.OldTokens = true },
		"negative forgers":      func(s *Sale) { s.Forgers = -1 },
		"holds for no time":     func(s *Sale) { s.HoldShare = 0.5 },
		"nobody holds":          func(s *Sale) { s.HoldFor = time.Second },
		"holds into the past":   func(s *Sale) { s.HoldShare, s.HoldFor = 0.5, -1 },
		"stubborn about none":   func(s *Sale) { s.HotSeats, s.StubbornShare = 0, 0.5 },
		"more stubborn buyers":  func(s *Sale) { s.StubbornShare = 1.5 },
		"negative cold reads":   func(s *Sale) { s.Cold = -1 },
		"too many logins":       func(s *Sale) { s.Logins = 1e9 },
		"negative watchers":     func(s *Sale) { s.Watchers = -1 },
		"maps noted backwards":  func(s *Sale) { s.MapEvery = -1 },
		"more than everybody":   func(s *Sale) { s.PurchaseShare, s.AbandonShare = 0.8, 0.8 },
		"hall of only hot":      func(s *Sale) { s.HotSeats = 41 },
		"negative patience":     func(s *Sale) { s.Timeout = -1 },
		"rate beyond the lab":   func(s *Sale) { s.Buyers = 1e9 },
		"all press twice":       func(s *Sale) { s.PressShare = 2 },
		"negative concurrency":  func(s *Sale) { s.MaxOpen = -1 },
	} {
		s := busySale()
		spoil(&s)
		require.Error(t, s.Validate(), name)
	}
}

// A stored seed is replayed with later versions of the lab. The sum below was
// computed before buyers learnt to press, to hold and to insist: what a seed
// meant then it means now, whatever else a sale asks for.
func TestNewQuestionsMoveNoOldAnswer(t *testing.T) {
	s := busySale()
	require.Equal(t, "d9cff7398c9605a1", fingerprint(s))
	s.PressShare = 0.5
	s.OldTokens, s.HoldShare, s.HoldFor = true, 0.5, time.Second
	require.Equal(t, "d9cff7398c9605a1", fingerprint(s), "a buyer who presses is the same buyer")
}

// fingerprint is all that the first version of choice held, and the arrivals.
func fingerprint(s Sale) string {
	h := sha256.New()
	for k := 1; k <= 50; k++ {
		c := s.choose(k, 40)
		fmt.Fprintf(h, "%v %v %v %v %v %v %v %v %v\n", c.registers, c.extends, c.ending, c.insists, c.party, c.ranking, c.requests, c.thinks, c.jitters)
	}
	gap := (&run{sale: s}).poisson("arrivals", 40)
	for range 20 {
		fmt.Fprintln(h, gap())
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

func TestSharesOfNewQuestionsAreMet(t *testing.T) {
	s, n := busySale(), 4000
	s.PressShare, s.HoldShare, s.StubbornShare = 0.25, 0.5, 0.75
	presses, holds, stubborn := 0, 0, 0
	for k := range n {
		c := s.choose(k+1, 40)
		presses += one(c.presses)
		holds += one(c.hesitates)
		stubborn += one(c.block == s.HotSeats)
	}
	require.InDelta(t, s.PressShare, float64(presses)/float64(n), 0.04)
	require.InDelta(t, s.HoldShare, float64(holds)/float64(n), 0.04)
	require.InDelta(t, s.StubbornShare, float64(stubborn)/float64(n), 0.04)
	zero := busySale().choose(1, 40)
	require.False(t, zero.presses || zero.hesitates || zero.block > 0, "zero is nobody")
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Who is stubborn wants hot seats, and that changes nobody else: nor anything
// about the stubborn but which seats they want.
func TestStubbornBuyersAreTheSamePeople(t *testing.T) {
	before, after := busySale(), busySale()
	after.StubbornShare = 0.5
	for k := range 500 {
		was, is := before.choose(k+1, 40), after.choose(k+1, 40)
		if is.block == 0 {
			require.Equal(t, was, is)
			continue
		}
		require.Equal(t, was.requests, is.requests)
		require.Equal(t, was.jitters, is.jitters)
		require.Equal(t, was.party, is.party)
	}
}
