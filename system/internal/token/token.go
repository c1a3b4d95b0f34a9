// Package token writes and reads the tokens that say who a buyer is: JSON Web
// Tokens signed with Ed25519 by auth and verified by every app with the public key
// alone, so that buying goes on while auth and its database are gone.
//
// It must not know how a buyer proved who they are, and it keeps no list: a token
// is good until it expires.
package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What every token says about where it comes from and whom it is for. A token of
// another system, signed with the same key by mistake, is refused.
const (
	issuer   = "eventflow-auth"
	audience = "eventflow"
)

// Leeway is how far the clocks of auth and an app may differ. Without it an app
// two seconds behind auth refuses every fresh token as not valid yet.
const Leeway = 5 * time.Second

// maxLength in bytes is far above what Issue writes; longer ones are not parsed.
const maxLength = 4096

// Why a token is refused. Each means 401; they differ in what to tell the holder:
// who has an expired token logs in again, who has another one has a bug or bad
// intentions.
var (
	ErrMalformed = errors.New("token is malformed")         // no token, or one that lacks what it needs
	ErrForged    = errors.New("token is not ours")          // wrong key, method, issuer or audience
	ErrExpired   = errors.New("token has expired")          // was ours once
	ErrEarly     = errors.New("token is of a time to come") // clocks differ by more than Leeway
)

// Claims is what a token says.
type Claims struct {
	Subject   string // user id, or "guest-…"
	Name      string // as other people may see it
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// payload is Claims as they travel.
type payload struct {
	jwt.RegisteredClaims
	Name string `json:"name,omitempty"`
}

// Validate is called by the parser after its own checks.
func (p payload) Validate() error {
	if p.Subject == "" {
		return fmt.Errorf("%w: sub", jwt.ErrTokenRequiredClaimMissing)
	}
	return nil
}

// Issuer signs tokens. Only auth has one.
type Issuer struct {
	key PrivateKey
	ttl time.Duration
	now func() time.Time
}

// NewIssuer signs with key; tokens live for ttl. now is time.Now outside tests.
func NewIssuer(key PrivateKey, ttl time.Duration, now func() time.Time) *Issuer {
	return &Issuer{key: key, ttl: ttl, now: now}
}

// Issue writes a token for the subject and says when it ends, to the second,
// which is as fine as a token can say it.
func (i *Issuer) Issue(subject, name string) (token string, expires time.Time, err error) {
	if subject == "" {
		return "", time.Time{}, fmt.Errorf("sign token: %w: no subject", ErrMalformed)
	}
	now := i.now().UTC().Truncate(time.Second)
	expires = now.Add(i.ttl)
	token, err = jwt.NewWithClaims(jwt.SigningMethodEdDSA, payload{Name: name, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: subject,
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
	}}).SignedString(i.key.key)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign token: %w", err)
	}
	return token, expires, nil
}

// Verifier reads tokens with nothing but the public key.
type Verifier struct {
	key    PublicKey
	parser *jwt.Parser
}

// NewVerifier pins everything a forger could choose: the method (a token that says
// HS256 would be checked with our public key as a password), issuer, audience,
// strict base64 (else the last character of a signature has several spellings)
// and the presence of an end. now is time.Now outside tests.
func NewVerifier(key PublicKey, now func() time.Time) *Verifier {
	return &Verifier{key: key, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Leeway),
		jwt.WithStrictDecoding(), jwt.WithTimeFunc(now),
	)}
}

// Verify reads a token. The error is one of ErrMalformed, ErrForged, ErrExpired
// and ErrEarly; the claims are empty then.
func (v *Verifier) Verify(token string) (Claims, error) {
	if len(token) > maxLength {
		return Claims{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(token))
	}
	var p payload
	// The key is returned as its own type: as plain bytes it would pass for the
	// secret of an HMAC.
	_, err := v.parser.ParseWithClaims(token, &p, func(*jwt.Token) (any, error) { return v.key.key, nil })
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %v", reason(err), err)
	}
	return Claims{Subject: p.Subject, Name: p.Name, IssuedAt: at(p.IssuedAt), ExpiresAt: at(p.ExpiresAt)}, nil
}

func at(d *jwt.NumericDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.UTC()
}

// reason turns the library's errors into ours. Forgery comes before expiry: what
// an untrusted token says about its own end is worth nothing.
func reason(err error) error {
	for _, r := range []struct{ theirs, ours error }{
		{jwt.ErrTokenMalformed, ErrMalformed},
		{jwt.ErrTokenSignatureInvalid, ErrForged},
		{jwt.ErrTokenUnverifiable, ErrForged},
		{jwt.ErrTokenInvalidIssuer, ErrForged},
		{jwt.ErrTokenInvalidAudience, ErrForged},
		{jwt.ErrTokenRequiredClaimMissing, ErrMalformed},
		{jwt.ErrTokenExpired, ErrExpired},
		{jwt.ErrTokenNotValidYet, ErrEarly},
		{jwt.ErrTokenUsedBeforeIssued, ErrEarly},
	} {
		if errors.Is(err, r.theirs) {
			return r.ours
		}
	}
	return ErrMalformed
}
