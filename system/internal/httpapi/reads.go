package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"eventflow/system/internal/cache"
	"eventflow/system/internal/problem"
	"eventflow/system/internal/ticket"
)

// provenance says where an answer came from.
type provenance struct {
	Source     string  `json:"source"`
	AgeSeconds float64 `json:"age_seconds"`
}

// told writes the provenance into the headers too (RFC 9211, RFC 9111).
func told(w http.ResponseWriter, r cache.Result, age time.Duration) provenance {
	status := map[cache.Result]string{
		cache.Hit:    "eventflow; hit",
		cache.Stale:  "eventflow; hit; detail=stale",
		cache.Miss:   "eventflow; fwd=miss; stored",
		cache.Direct: "eventflow; fwd=bypass",
	}[r]
	w.Header().Set("Cache-Status", status)
	w.Header().Set("Age", strconv.FormatInt(int64(age.Seconds()), 10))
	w.Header().Set("Cache-Control", "no-store")
	source := "cache"
	if r == cache.Miss || r == cache.Direct {
		source = "database"
	}
	return provenance{Source: source, AgeSeconds: age.Round(time.Millisecond).Seconds()}
}

func (s *Shop) events(w http.ResponseWriter, r *http.Request) {
	got, err := s.Catalogue.Events(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	events := got.Value
	if events == nil {
		events = []ticket.Event{}
	}
	problem.JSON(w, http.StatusOK, struct {
		Events []ticket.Event `json:"events"`
		provenance
	}{events, told(w, got.Result, got.Age)})
}

func (s *Shop) event(w http.ResponseWriter, r *http.Request) {
	id, err := eventID(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	got, err := s.Catalogue.Hall(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	problem.JSON(w, http.StatusOK, struct {
		ticket.Event
		Sections []ticket.Section `json:"sections"`
		provenance
	}{got.Value.Event, got.Value.Sections, told(w, got.Result, got.Age)})
}

// seats sends a map that is drawn already.
func (s *Shop) seats(w http.ResponseWriter, r *http.Request) {
	id, err := eventID(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	m, err := s.Maps.Get(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	told(w, m.Result, m.Age)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(m.Body()) // the client left: there is nobody to tell
}

// eventID is the event in the address; what is not a number names no event.
func eventID(r *http.Request) (int, error) {
	id, err := strconv.Atoi(chi.URLParam(r, "event"))
	if err != nil || id <= 0 || id > 1<<31-1 {
		return 0, ticket.ErrNoEvent
	}
	return id, nil
}
