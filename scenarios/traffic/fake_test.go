package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"eventflow/scenarios/history"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// fakeShop keeps the shop's public contract in memory, one seat map for one
// event. It is what these tests need to know that the client keeps its side;
// nothing about the real shop is proven with it.
type fakeShop struct {
	*httptest.Server
	mu       sync.Mutex
	owner    map[string]string // seat -> lock id
	locks    map[string][]string
	holder   map[string]string // lock id -> subject
	auth     fakeAuth
	bought   map[string]bool // transactions
	name     string          // of the event
	requests map[string]int  // method and path -> times seen
	// before may answer a request in the shop's place, and says whether it did.
	before func(w http.ResponseWriter, r *http.Request, nth int) bool
}

const fakeSeats = 60

func newFakeShop(t *testing.T, before func(http.ResponseWriter, *http.Request, int) bool) *fakeShop {
	f := &fakeShop{auth: newFakeAuth(), name: "Concierto vivo", owner: map[string]string{}, locks: map[string][]string{}, holder: map[string]string{}, bought: map[string]bool{}, requests: map[string]int{}, before: before}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/auth/guest", f.guest)
	mux.HandleFunc("POST /api/auth/login", f.login)
	mux.HandleFunc("POST /api/auth/register", f.register)
	mux.HandleFunc("GET /api/events", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]any{"events": []any{map[string]any{"id": 7}}, "source": "cache"})
	})
	mux.HandleFunc("GET /api/events/7/seats", f.seatMap)
	mux.HandleFunc("GET /api/events/{id}", f.event)
	mux.HandleFunc("POST /api/seats/lock", f.authenticated(f.lock))
	mux.HandleFunc("POST /api/seats/lock/{id}/extend", f.authenticated(f.extend))
	mux.HandleFunc("DELETE /api/seats/lock/{id}", f.authenticated(f.release))
	mux.HandleFunc("POST /api/purchase", f.authenticated(f.purchase))
	mux.HandleFunc("GET /api/purchases", f.authenticated(func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]any{"purchases": []any{}, "partial": false})
	}))
	mux.HandleFunc("GET /api/purchases/{tx}", f.authenticated(f.status))
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		key := r.Method + " " + r.URL.Path
		f.requests[key]++
		nth := f.requests[key]
		f.mu.Unlock()
		w.Header().Set("X-EventFlow-Node", "app-1")
		w.Header().Set("X-Upstream", "127.0.0.1:1")
		if f.before == nil || !f.before(w, r, nth) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeShop) seen(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[key]
}

func fakeHall() []string {
	var seats []string
	for i := range fakeSeats {
		seats = append(seats, fmt.Sprintf("A-%d", i+1))
	}
	return seats
}

func (f *fakeShop) event(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != "7" {
		refuse(w, http.StatusNotFound, "no_event", "none")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Age", "3")
	w.Header().Set("Cache-Status", "eventflow; hit")
	answerJSON(w, http.StatusOK, map[string]any{"id": 7, "name": f.name, "source": "cache"})
}

// rename is what an administrator does.
func (f *fakeShop) rename(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name = name
}

func (f *fakeShop) seatMap(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var seats []any
	for _, seat := range fakeHall() {
		state := "free"
		if f.owner[seat] != "" {
			state = "held"
		}
		seats = append(seats, map[string]string{"id": seat, "state": state})
	}
	w.Header().Set("Age", "2")
	w.Header().Set("Cache-Status", "eventflow; hit; detail=stale")
	answerJSON(w, http.StatusOK, map[string]any{"event_id": 7, "source": "cache",
		"sections": []any{map[string]any{"rows": []any{map[string]any{"seats": seats}}}}})
}

func (f *fakeShop) lock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Seats   []string  `json:"seats"`
		Request uuid.UUID `json:"request_id"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, http.StatusBadRequest, "malformed_json", "none")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := uuid.NewSHA1(uuid.NameSpaceURL, in.Request[:]).String()
	var taken []string
	for _, seat := range in.Seats {
		if o := f.owner[seat]; o != "" && o != id {
			taken = append(taken, seat)
		}
	}
	if len(taken) > 0 {
		w.Header().Set("X-Outcome", "none")
		answerJSON(w, http.StatusConflict, map[string]any{"status": 409, "code": "seat_taken", "seats": taken})
		return
	}
	for _, seat := range in.Seats {
		f.owner[seat] = id
	}
	f.locks[id] = in.Seats
	f.holder[id], _ = r.Context().Value(fakeSubject{}).(string)
	answerJSON(w, http.StatusCreated, map[string]any{"lock_id": id, "seats": in.Seats, "expires_in_seconds": 600})
}

func (f *fakeShop) extend(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answerJSON(w, http.StatusOK, map[string]any{"lock_id": r.PathValue("id"), "seats": f.locks[r.PathValue("id")], "expires_in_seconds": 600})
}

func (f *fakeShop) release(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stranger(w, r, r.PathValue("id")) {
		return
	}
	for _, seat := range f.locks[r.PathValue("id")] {
		delete(f.owner, seat)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeShop) purchase(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Lock string `json:"lock_id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stranger(w, r, in.Lock) {
		return
	}
	tx := TransactionID(in.Lock)
	f.bought[tx] = true
	answerJSON(w, http.StatusAccepted, map[string]any{"status": "ACCEPTED_ASYNC", "transaction_id": tx, "lock_id": in.Lock})
}

func (f *fakeShop) status(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.bought[r.PathValue("tx")] {
		refuse(w, http.StatusNotFound, "no_purchase", "none")
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"transaction_id": r.PathValue("tx"), "status": "confirmed"})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code, outcome string) {
	w.Header().Set("X-Outcome", outcome)
	answerJSON(w, status, map[string]any{"status": status, "code": code})
}

// hangUp cuts the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func isPurchase(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/purchase") }

// notebook is a real recorder, whose journal can be read back.
type notebook struct {
	*history.Recorder
	journal bytes.Buffer
}

func newNotebook() *notebook {
	n := &notebook{}
	n.Recorder = history.NewRecorder(&n.journal, history.Meta{Scenario: "test", Spec: json.RawMessage("{}")})
	return n
}

// ops ends the journal and reads its ops.
func (n *notebook) ops(t *testing.T) []history.Op {
	t.Helper()
	return n.read(t).Ops
}

// read ends the journal and reads it.
func (n *notebook) read(t *testing.T) history.History {
	t.Helper()
	n.Complete()
	require.NoError(t, n.Recorder.Close())
	h, err := history.Read(&n.journal)
	require.NoError(t, err)
	return h
}

func only(ops []history.Op, kind history.Kind) []history.Op {
	var out []history.Op
	for _, op := range ops {
		if op.Kind == kind {
			out = append(out, op)
		}
	}
	return out
}
