package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/singleflight"

	"eventflow/system/internal/ticket"
)

// Seats says what is known of seats right now.
type Seats interface {
	Seats(ctx context.Context, event int, seats []string) (map[string]ticket.SeatState, error)
}

// SeatMaps draws seat maps: the hall, with what was sold as of the copy's age,
// overlaid by what Redis knows this moment. A drawn map is kept as bytes for a
// moment (Options.Keep): however many look, a node draws an event's map at most
// 10 times a second.
type SeatMaps struct {
	cache *Cache
	seats Seats
	near  shelf[SeatMap]
	draws singleflight.Group
}

// NewSeatMaps draws from c and seats.
func NewSeatMaps(c *Cache, seats Seats) *SeatMaps { return &SeatMaps{cache: c, seats: seats} }

// SeatMap is a drawn map.
type SeatMap struct {
	Result     Result
	Age        time.Duration // of what was sold; held seats are younger
	HoldsKnown bool          // false: Redis did not say which seats are held
	tail       []byte        // the document after its age
	event      int
}

// FromStore says that the map was drawn from what the store said just then.
func (m SeatMap) FromStore() bool { return m.Result == Miss || m.Result == Direct }

// Body is the JSON document. Only the age is written anew for each reader.
func (m SeatMap) Body() []byte {
	source := "cache"
	if m.FromStore() {
		source = "database"
	}
	b := make([]byte, 0, len(m.tail)+96)
	b = append(b, `{"event_id":`...)
	b = strconv.AppendInt(b, int64(m.event), 10)
	b = append(append(append(b, `,"source":"`...), source...), `","age_seconds":`...)
	b = strconv.AppendFloat(b, m.Age.Seconds(), 'f', 3, 64)
	b = append(b, ',')
	return append(b, m.tail...)
}

// Get draws the map, or gives the one just drawn. Its errors are ErrNoEvent and
// ErrUnavailable: nobody ever sees an empty hall in place of an error. Who asks for
// a map that was drawn a moment ago waits for the next for Options.Wait at most, and
// gets the old one if there is no next.
func (s *SeatMaps) Get(ctx context.Context, event int) (SeatMap, error) {
	last, ok := s.near.get(event, s.cache.o.Fresh)
	if ok && last.younger(s.cache.o.Keep) {
		return s.counted(again(last), nil)
	}
	done := s.draws.DoChan(strconv.Itoa(event), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cache.o.Limit)
		defer cancel()
		m, err := s.draw(ctx, event)
		if err == nil {
			s.near.put(event, m)
		}
		return m, err
	})
	got, err := s.cache.await(ctx, done, ok)
	if ok && notNow(err) {
		m := again(last)
		m.Result = Stale
		return s.counted(m, nil)
	}
	m, _ := got.(SeatMap)
	return s.counted(m, err)
}

// again is a map that was given before; one that came from the store is a copy by
// now.
func again(i item[SeatMap]) SeatMap {
	m := i.value
	m.Age += time.Since(i.at)
	if m.Result == Miss {
		m.Result = Hit
	}
	return m
}

func (s *SeatMaps) counted(m SeatMap, err error) (SeatMap, error) {
	if err == nil {
		s.cache.o.Count("seatmap", m.Result)
	}
	return m, err
}

func (s *SeatMaps) draw(ctx context.Context, event int) (SeatMap, error) {
	hall, err := s.cache.Hall(ctx, event)
	if err != nil {
		return SeatMap{}, err
	}
	sold, err := s.cache.Sold(ctx, event)
	if err != nil {
		return SeatMap{}, err
	}
	begun := time.Now()
	live, gone := s.live(ctx, hall.Value)
	m := SeatMap{Result: worse(hall.Result, sold.Result), HoldsKnown: gone == nil, event: event}
	m.tail, err = document(hall.Value, merge(sold.Value, live), m.HoldsKnown)
	m.Age = max(hall.Age, sold.Age) + time.Since(begun)
	return m, err
}

func (s *SeatMaps) live(ctx context.Context, hall ticket.Hall) (map[string]ticket.SeatState, error) {
	names := make([]string, 0, hall.Event.Seats)
	for _, section := range hall.Sections {
		for _, row := range section.Rows {
			names = append(names, row.Seats...)
		}
	}
	return s.seats.Seats(ctx, hall.Event.ID, names)
}

// worse is the result to show for two reads: the one that promises less.
func worse(a, b Result) Result {
	for _, r := range []Result{Stale, Direct, Hit} {
		if a == r || b == r {
			return r
		}
	}
	return a
}

// merge lets sold win: a seat in the ledger stays sold, whatever a restarted
// Redis says.
func merge(sold []string, live map[string]ticket.SeatState) map[string]ticket.SeatState {
	if live == nil {
		live = make(map[string]ticket.SeatState, len(sold))
	}
	for _, s := range sold {
		live[s] = ticket.Sold
	}
	return live
}

type seatDoc struct {
	ID    string           `json:"id"`
	State ticket.SeatState `json:"state"`
}

type rowDoc struct {
	Name  string    `json:"name"`
	Seats []seatDoc `json:"seats"`
}

type sectionDoc struct {
	Name       string   `json:"name"`
	PriceCents int      `json:"price_cents"`
	Rows       []rowDoc `json:"rows"`
}

type mapDoc struct {
	HoldsKnown bool                     `json:"holds_known"`
	Counts     map[ticket.SeatState]int `json:"counts"`
	Sections   []sectionDoc             `json:"sections"`
}

// document is the map after its age, without the opening brace.
func document(hall ticket.Hall, state map[string]ticket.SeatState, known bool) ([]byte, error) {
	doc := mapDoc{HoldsKnown: known, Counts: map[ticket.SeatState]int{ticket.Free: 0, ticket.Held: 0, ticket.Purchasing: 0, ticket.Sold: 0}}
	for _, s := range hall.Sections {
		section := sectionDoc{Name: s.Name, PriceCents: s.PriceCents}
		for _, r := range s.Rows {
			section.Rows = append(section.Rows, doc.row(r, state))
		}
		doc.Sections = append(doc.Sections, section)
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("draw event %d: %w", hall.Event.ID, err)
	}
	return body[1:], nil
}

func (d *mapDoc) row(r ticket.Row, state map[string]ticket.SeatState) rowDoc {
	row := rowDoc{Name: r.Name, Seats: make([]seatDoc, len(r.Seats))}
	for i, id := range r.Seats {
		st := state[id]
		if st == "" {
			st = ticket.Free
		}
		row.Seats[i] = seatDoc{ID: id, State: st}
		d.Counts[st]++
	}
	return row
}
