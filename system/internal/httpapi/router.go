package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// Fallbacks answers unknown routes and wrong methods as problems.
func Fallbacks(r chi.Router, e Errors) {
	r.NotFound(func(w http.ResponseWriter, req *http.Request) {
		e.Fail(w, req, NewProblem(http.StatusNotFound, "not_found", "there is no such address"))
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed(r, req.URL.Path), ", "))
		e.Fail(w, req, NewProblem(http.StatusMethodNotAllowed, "method_not_allowed", req.Method+" is not allowed here"))
	})
}

func allowed(r chi.Router, path string) []string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch} {
		if r.Match(chi.NewRouteContext(), m, path) {
			out = append(out, m)
		}
	}
	return out
}

// Within gives a request at most d. It does not answer by itself: every wait
// below ends with the context and says what that means.
func Within(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), d)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}
