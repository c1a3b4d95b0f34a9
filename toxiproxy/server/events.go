package server

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// longestWait bounds how long a request for events may wait for the next one. It is
// less than the HTTP server allows a request as a whole.
const longestWait = 10 * time.Second

// showEvents answers the events after number "since", one JSON object a line. With
// "wait" ("5s") it waits for the first. Toxiproxy-Boot names the server's life,
// Toxiproxy-Missed how many events are forgotten already.
func (s *Server) showEvents(w http.ResponseWriter, r *http.Request) (any, error) {
	since, wait, err := eventQuery(r)
	if err != nil {
		return nil, err
	}
	events, missed, news := s.events.Since(since)
	if len(events) == 0 && wait > 0 {
		select {
		case <-news:
		case <-time.After(wait):
		case <-r.Context().Done():
		}
		events, missed, _ = s.events.Since(since)
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Toxiproxy-Boot", s.events.Boot())
	w.Header().Set("Toxiproxy-Missed", strconv.FormatUint(missed, 10))
	out := json.NewEncoder(w)
	for _, e := range events {
		if err := out.Encode(e); err != nil {
			break // the client is gone
		}
	}
	return sent{}, nil
}

func eventQuery(r *http.Request) (since uint64, wait time.Duration, err error) {
	q := r.URL.Query()
	if v := q.Get("since"); v != "" {
		since, err = strconv.ParseUint(v, 10, 64)
	}
	if v := q.Get("wait"); v != "" && err == nil {
		wait, err = time.ParseDuration(v)
	}
	if err != nil {
		return 0, 0, &apiError{err.Error(), http.StatusBadRequest}
	}
	return since, min(wait, longestWait), nil
}
