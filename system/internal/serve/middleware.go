package serve

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/go-chi/chi/v5/middleware"
)

// NodeHeader names the node on every answer, errors included: without it nobody
// could tell which of three nodes behind one address misbehaves.
func NodeHeader(node string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-EventFlow-Node", node)
			next.ServeHTTP(w, r)
		})
	}
}

// panicked is written by hand, because whatever broke may be what writes answers.
const panicked = `{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal","detail":"the node broke while answering; whether it did what was asked is unknown"}` + "\n"

// Recover turns a panic into a 500 whose outcome is unknown, since nobody can say
// how far the handler had come, and logs it once. When part of the answer is out
// already it cuts the connection, so that the client does not take half an answer
// for a whole one.
func Recover(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
					panic(v)
				}
				log.Error("handler panicked", "method", r.Method, "route", routeOf(r), "err", fmt.Sprint(v), "stack", string(debug.Stack()))
				if ww.Status() != 0 {
					panic(http.ErrAbortHandler)
				}
				writePanicked(w)
			}()
			next.ServeHTTP(ww, r)
		})
	}
}

func writePanicked(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Outcome", "unknown")
	h.Del("Content-Length")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte(panicked)) // the client is gone or it is not; there is nobody left to tell
}
