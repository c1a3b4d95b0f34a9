package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"eventflow/system/internal/problem"
	"eventflow/system/internal/token"
)

type claimsKey struct{}

// authenticated lets only holders of a good token in.
func (s *Shop) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := s.Verifier.Verify(bearer(r))
		if err != nil {
			s.fail(w, r, problem.New(http.StatusUnauthorized, "unauthorized", reason(err)))
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
	})
}

// bearer is the token of the request, "" if it has none.
func bearer(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(value)
}

// reason tells a holder what helps; the rest is not a forger's business.
func reason(err error) string {
	switch {
	case errors.Is(err, token.ErrExpired):
		return "the token has expired; log in again"
	case errors.Is(err, token.ErrEarly):
		return "the token is not valid yet; clocks differ"
	}
	return "a valid bearer token is needed"
}

// buyer is who asks; only behind authenticated.
func buyer(r *http.Request) string {
	claims, _ := r.Context().Value(claimsKey{}).(token.Claims)
	return claims.Subject
}
