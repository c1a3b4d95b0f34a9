package traffic

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// fakeAuth is who is let in to a fake shop. Its tokens are real ones: a forger's
// have to differ from them in one thing only.
type fakeAuth struct {
	key       ed25519.PrivateKey
	passwords map[string]string // by address
	lax       bool              // lets everybody in, as whoever they say they are
}

func newFakeAuth() fakeAuth {
	return fakeAuth{key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), passwords: map[string]string{}}
}

func (f *fakeShop) guest(w http.ResponseWriter, _ *http.Request) {
	f.pass(w, http.StatusOK, "guest-"+uuid.NewString())
}

func (f *fakeShop) pass(w http.ResponseWriter, status int, subject string) {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
		Issuer: "eventflow-auth", Audience: jwt.ClaimStrings{"eventflow"}, Subject: subject,
		IssuedAt: jwt.NewNumericDate(time.Now()), ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	})
	text, err := token.SignedString(f.auth.key)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	answerJSON(w, status, map[string]any{"token": text})
}

type fakeCredentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

func (f *fakeShop) register(w http.ResponseWriter, r *http.Request) {
	var in fakeCredentials
	_ = json.NewDecoder(r.Body).Decode(&in)
	f.mu.Lock()
	f.auth.passwords[in.Email] = in.Password
	f.mu.Unlock()
	f.pass(w, http.StatusCreated, in.Email)
}

func (f *fakeShop) login(w http.ResponseWriter, r *http.Request) {
	var in fakeCredentials
	_ = json.NewDecoder(r.Body).Decode(&in)
	f.mu.Lock()
	want, lax := f.auth.passwords[in.Email], f.auth.lax
	f.mu.Unlock()
	switch {
	case in.Password == want, lax && strings.HasPrefix(in.Password, want):
		f.pass(w, http.StatusOK, in.Email)
	case len(in.Password) > longest:
		refuse(w, http.StatusUnprocessableEntity, "invalid_request", "none")
	default:
		refuse(w, http.StatusUnauthorized, "wrong_credentials", "none")
	}
}

type fakeSubject struct{}

// authenticated lets only holders of a good token in.
func (f *fakeShop) authenticated(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		var claims jwt.RegisteredClaims
		_, err := jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return f.auth.key.Public(), nil },
			jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithExpirationRequired())
		if err != nil && !f.auth.lax {
			refuse(w, http.StatusUnauthorized, "unauthorized", "none")
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), fakeSubject{}, claims.Subject)))
	}
}

// stranger refuses a lock to everybody but its holder. f.mu is held.
func (f *fakeShop) stranger(w http.ResponseWriter, r *http.Request, lock string) bool {
	holder := f.holder[lock]
	if f.auth.lax || holder == "" || holder == r.Context().Value(fakeSubject{}) {
		return false
	}
	refuse(w, http.StatusForbidden, "not_owner", "none")
	return true
}
