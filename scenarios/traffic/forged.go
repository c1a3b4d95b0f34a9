package traffic

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// forgedToken is a token that must not be honoured.
type forgedToken struct {
	forgery string // see forged
	text    string
}

// forged makes of a real token every kind of false one that a buyer could make,
// who knows no key: each says what the real one says and is wrong in one thing.
//
//	no-token         there is none
//	no-signature     algorithm "none"
//	other-key        signed with an Ed25519 key of the forger's
//	other-algorithm  HS256 with a random secret
//	empty-secret     HS256 with an empty secret
//	expired          ended an hour ago, and signed with the forger's key
//	other-subject    says to be somebody else, under the real token's signature
//	cut-signature    the real token without the end of its signature
func forged(real string, chance *rand.Rand, now time.Time) ([]forgedToken, error) {
	var claims jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(real, &claims); err != nil {
		return nil, fmt.Errorf("read a token to forge: %w", err)
	}
	secret := make([]byte, ed25519.SeedSize)
	for i := range secret {
		secret[i] = byte(chance.Uint32())
	}
	own := ed25519.NewKeyFromSeed(secret)
	var f forgery
	f.add("no-token", "", nil)
	f.sign("no-signature", jwt.SigningMethodNone, claims, jwt.UnsafeAllowNoneSignatureType)
	f.sign("other-key", jwt.SigningMethodEdDSA, claims, own)
	f.sign("other-algorithm", jwt.SigningMethodHS256, claims, secret)
	f.sign("empty-secret", jwt.SigningMethodHS256, claims, []byte{})
	f.sign("expired", jwt.SigningMethodEdDSA, ended(claims, now), own)
	stolen, err := renamed(real, claims)
	f.add("other-subject", stolen, err)
	f.add("cut-signature", real[:len(real)-8], nil)
	return f.tokens, errors.Join(f.errs...)
}

// forgery collects forged tokens.
type forgery struct {
	tokens []forgedToken
	errs   []error
}

func (f *forgery) add(name, text string, err error) {
	if err != nil {
		f.errs = append(f.errs, fmt.Errorf("forge a token (%s): %w", name, err))
	}
	f.tokens = append(f.tokens, forgedToken{name, text})
}

func (f *forgery) sign(name string, method jwt.SigningMethod, claims jwt.MapClaims, key any) {
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	f.add(name, text, err)
}

// ended is the same claims, good until an hour ago.
func ended(claims jwt.MapClaims, now time.Time) jwt.MapClaims {
	old := maps.Clone(claims)
	old["iat"], old["nbf"] = now.Add(-2*time.Hour).Unix(), now.Add(-2*time.Hour).Unix()
	old["exp"] = now.Add(-time.Hour).Unix()
	return old
}

// renamed is the real token with another subject in it.
func renamed(real string, claims jwt.MapClaims) (string, error) {
	other := maps.Clone(claims)
	other["sub"] = "guest-00000000-0000-4000-8000-000000000000"
	payload, err := json.Marshal(other)
	if err != nil {
		return "", err
	}
	parts := strings.Split(real, ".")
	parts[1] = base64.RawURLEncoding.EncodeToString(payload)
	return strings.Join(parts, "."), nil
}
