package toxics

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

// pieces plays a chunk through a toxic as a connection would whose clock stands
// still, and returns the sizes and the times after its arrival.
func pieces(t Toxic, m *Memory, number uint64, size int) (sizes []int, due []time.Duration) {
	arrived := time.Unix(1000, 0)
	for left := size; left > 0; {
		p := Piece{Chunk: number, Arrived: arrived, Due: arrived, Bytes: left}
		t.Shape(&p, m)
		if p.Held || p.Drop {
			return sizes, due
		}
		if c, ok := t.(Counter); ok {
			c.Sent(p.Bytes, 0, m)
		}
		sizes, due = append(sizes, p.Bytes), append(due, p.Due.Sub(arrived))
		left -= p.Bytes
	}
	return sizes, due
}

func fresh() *Memory { return &Memory{Dice: NewDice(1)} }

func TestBandwidthSpreadsAChunk(t *testing.T) {
	sizes, due := pieces(&Bandwidth{Rate: 10}, fresh(), 1, 2500) // 10 bytes a millisecond
	ms := time.Millisecond
	if !slices.Equal(sizes, []int{1000, 1000, 500}) || !slices.Equal(due, []time.Duration{100 * ms, 200 * ms, 250 * ms}) {
		t.Errorf("%v at %v", sizes, due)
	}
}

func TestBandwidthDoesNotCatchUpAfterAPause(t *testing.T) {
	b, m := &Bandwidth{Rate: 10}, fresh()
	arrived := time.Unix(1000, 0)
	p := Piece{Chunk: 1, Arrived: arrived, Due: arrived, Bytes: 3000}
	b.Shape(&p, m)
	b.Sent(p.Bytes, time.Minute, m) // somebody did not read for a minute
	q := Piece{Chunk: 1, Arrived: arrived, Due: arrived, Bytes: 2000}
	b.Shape(&q, m)
	if got := q.Due.Sub(arrived); got != time.Minute+200*time.Millisecond {
		t.Errorf("the next piece is due after %s", got)
	}
}

func TestSlicerCutsToSize(t *testing.T) {
	sizes, due := pieces(&Slicer{AverageSize: 100, SizeVariation: 20, Delay: 1000}, fresh(), 1, 10000)
	for n, size := range sizes[:len(sizes)-1] {
		if size < 80 || size > 120 || due[n] != time.Duration(n)*time.Millisecond {
			t.Fatalf("slice %d has %d bytes, due at %s", n, size, due[n])
		}
	}
}

func TestLimitDataStopsAtItsByte(t *testing.T) {
	l, m := &LimitData{Bytes: 150}, fresh()
	if sizes, _ := pieces(l, m, 1, 100); !slices.Equal(sizes, []int{100}) {
		t.Errorf("the first chunk: %v", sizes)
	}
	p := Piece{Chunk: 2, Bytes: 100}
	l.Shape(&p, m)
	if p.Bytes != 50 || p.After != Close || p.Drop {
		t.Errorf("the second chunk: %+v", p)
	}
}

// A jitter is drawn once per chunk, however often the chunk is looked at.
func TestLatencyIsDrawnOncePerChunk(t *testing.T) {
	l, m := &Latency{Latency: 100, Jitter: 50}, fresh()
	seen := map[time.Duration]bool{}
	for chunk := range uint64(100) {
		_, first := pieces(l, m, chunk+1, 1)
		_, again := pieces(l, m, chunk+1, 1)
		if first[0] != again[0] || first[0] < 50*time.Millisecond || first[0] > 150*time.Millisecond {
			t.Fatalf("%s, then %s", first, again)
		}
		seen[first[0]] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d delays", len(seen))
	}
}

// No settings, however odd, may crash or take time. The stock slicer overflows its
// stack on average_size 0, and its bandwidth panics on a negative rate.
func TestOddSettingsDoNoHarm(t *testing.T) {
	numbers := []string{"0", "-1", "1", "9223372036854775807", "-9223372036854775808"}
	fields := []string{"latency", "jitter", "rate", "delay", "average_size", "size_variation", "timeout", "bytes"}
	for _, kind := range Kinds() {
		for _, a := range numbers {
			for _, b := range numbers {
				settings := map[string]json.RawMessage{}
				for n, f := range fields {
					settings[f] = json.RawMessage([]string{a, b}[n%2])
				}
				raw, err := json.Marshal(settings)
				if err != nil {
					t.Fatal(err)
				}
				toxic, err := Merge(kind, nil, raw)
				if err != nil {
					t.Fatal(err)
				}
				if IsNeutral(toxic) {
					continue
				}
				m := fresh()
				p := Piece{Chunk: 1, Arrived: time.Now(), Due: time.Now(), Bytes: 1000}
				toxic.Shape(&p, m)
				if p.Bytes < 0 || p.Bytes > 1000 || p.Bytes == 0 && p.After == None && !p.Held {
					t.Errorf("%s %s: %+v", kind, raw, p)
				}
			}
		}
	}
}

func TestTheSameSeedFallsTheSameWay(t *testing.T) {
	a, b := NewDice(7), NewDice(7)
	for range 100 {
		if a.Float() != b.Float() {
			t.Fatal("two dice of one seed differ")
		}
	}
}

func TestKindsAreThoseThatNewKnows(t *testing.T) {
	for _, k := range Kinds() {
		if New(k) == nil {
			t.Errorf("no %s", k)
		}
	}
	if New("nonsense") != nil {
		t.Error("nonsense is a kind")
	}
}
