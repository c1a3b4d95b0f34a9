package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
)

func bench(b *testing.B, h http.Handler, path string) {
	b.Helper()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != http.StatusOK {
				b.Errorf("status %d", w.Code)
			}
		}
	})
}

// BenchmarkSeatMap is the whole handler.
func BenchmarkSeatMap(b *testing.B) { bench(b, start(b).http, "/api/events/1/seats") }

// BenchmarkHall is the event's page.
func BenchmarkHall(b *testing.B) { bench(b, start(b).http, "/api/events/1") }

// BenchmarkBareRedisGet is the yardstick: chi and one GET of as many bytes.
func BenchmarkBareRedisGet(b *testing.B) {
	f := start(b)
	w := httptest.NewRecorder()
	f.http.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/events/1/seats", nil))
	require.NoError(b, f.rdb.Set(b.Context(), "bench", w.Body.Bytes(), 0).Err())
	r := chi.NewRouter()
	r.Get("/bare", func(w http.ResponseWriter, r *http.Request) {
		body, err := f.rdb.Get(r.Context(), "bench").Bytes()
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(body)
	})
	bench(b, r, "/bare")
}
