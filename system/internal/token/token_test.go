package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func clock(at time.Time) func() time.Time { return func() time.Time { return at } }

func keyOf(t testing.TB, fill byte) PrivateKey {
	t.Helper()
	var k PrivateKey
	seed := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), ed25519.SeedSize)))
	require.NoError(t, k.UnmarshalText([]byte(seed)))
	return k
}

// good are the claims of a token that verifies at noon; tests spoil one of them.
func good() jwt.MapClaims {
	return jwt.MapClaims{"iss": issuer, "aud": audience, "sub": "u-1", "iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Add(time.Hour).Unix()}
}

func sign(t testing.TB, m jwt.SigningMethod, key any, claims jwt.Claims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(m, claims).SignedString(key)
	require.NoError(t, err)
	return s
}

func TestIssueCreatesASignedToken(t *testing.T) {
	key := keyOf(t, 'a')
	text, expires, err := NewIssuer(key, 12*time.Hour, clock(noon.Add(900*time.Millisecond))).Issue("u-1", "Ana")
	require.NoError(t, err)
	assert.Equal(t, noon.Add(12*time.Hour), expires)

	parts := strings.Split(text, ".")
	require.Len(t, parts, 3)
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(t, err)
	assert.JSONEq(t, `{"alg":"EdDSA","typ":"JWT"}`, string(header))
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	assert.JSONEq(t, fmt.Sprintf(`{"iss":"eventflow-auth","aud":["eventflow"],"sub":"u-1","name":"Ana","iat":%d,"nbf":%d,"exp":%d}`,
		noon.Unix(), noon.Unix(), expires.Unix()), string(body))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	assert.True(t, ed25519.Verify(key.Public().key, []byte(parts[0]+"."+parts[1]), signature))
}

func TestIssueNeedsASubject(t *testing.T) {
	_, _, err := NewIssuer(keyOf(t, 'a'), time.Hour, clock(noon)).Issue("", "Ana")
	require.ErrorIs(t, err, ErrMalformed)
}

func TestVerifyDecodesWhatIssueWrote(t *testing.T) {
	key := keyOf(t, 'a')
	text, expires, err := NewIssuer(key, time.Hour, clock(noon)).Issue("guest-7", "Íñigo 🎟")
	require.NoError(t, err)
	claims, err := NewVerifier(key.Public(), clock(noon.Add(time.Minute))).Verify(text)
	require.NoError(t, err)
	assert.Equal(t, Claims{Subject: "guest-7", Name: "Íñigo 🎟", IssuedAt: noon, ExpiresAt: expires}, claims)
}

func TestVerifyExpiry(t *testing.T) {
	key := keyOf(t, 'a')
	text, expires, err := NewIssuer(key, time.Hour, clock(noon)).Issue("u-1", "")
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		at   time.Time
		want error
	}{
		{"fresh", noon, nil},
		{"issuer ahead within leeway", noon.Add(-Leeway), nil},
		{"issuer ahead beyond leeway", noon.Add(-Leeway - time.Second), ErrEarly},
		{"just ended, within leeway", expires.Add(Leeway - time.Second), nil},
		{"ended beyond leeway", expires.Add(Leeway), ErrExpired},
		{"ended long ago", expires.Add(24 * time.Hour), ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims, err := NewVerifier(key.Public(), clock(c.at)).Verify(text)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			assert.Zero(t, claims)
		})
	}
}

func TestVerifyRefusesBadClaims(t *testing.T) {
	key := keyOf(t, 'a')
	verifier := NewVerifier(key.Public(), clock(noon))
	require.NotEmpty(t, sign(t, jwt.SigningMethodEdDSA, key.key, good()))
	for _, c := range []struct {
		name  string
		spoil func(jwt.MapClaims)
		want  error
	}{
		{"untouched", func(jwt.MapClaims) {}, nil},
		{"wrong issuer", func(m jwt.MapClaims) { m["iss"] = "somebody" }, ErrForged},
		{"no issuer", func(m jwt.MapClaims) { delete(m, "iss") }, ErrMalformed},
		{"wrong audience", func(m jwt.MapClaims) { m["aud"] = "otherflow" }, ErrForged},
		{"no audience", func(m jwt.MapClaims) { delete(m, "aud") }, ErrMalformed},
		{"no subject", func(m jwt.MapClaims) { delete(m, "sub") }, ErrMalformed},
		{"empty subject", func(m jwt.MapClaims) { m["sub"] = "" }, ErrMalformed},
		{"subject is a number", func(m jwt.MapClaims) { m["sub"] = 7 }, ErrMalformed},
		{"no end", func(m jwt.MapClaims) { delete(m, "exp") }, ErrMalformed},
		{"end is text", func(m jwt.MapClaims) { m["exp"] = "tomorrow" }, ErrMalformed},
		{"ended", func(m jwt.MapClaims) { m["exp"] = noon.Add(-time.Minute).Unix() }, ErrExpired},
		{"ended and not ours", func(m jwt.MapClaims) { m["exp"] = 1; m["iss"] = "x" }, ErrForged},
		{"begins within leeway", func(m jwt.MapClaims) { m["nbf"] = noon.Add(Leeway).Unix() }, nil},
		{"begins later", func(m jwt.MapClaims) { m["nbf"] = noon.Add(Leeway + time.Second).Unix() }, ErrEarly},
		{"issued within leeway", func(m jwt.MapClaims) { m["iat"] = noon.Add(Leeway).Unix() }, nil},
		{"issued later", func(m jwt.MapClaims) { m["iat"] = noon.Add(Leeway + time.Second).Unix() }, ErrEarly},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims := good()
			c.spoil(claims)
			_, err := verifier.Verify(sign(t, jwt.SigningMethodEdDSA, key.key, claims))
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestVerifyRefusesOtherMethods(t *testing.T) {
	key := keyOf(t, 'a')
	public := key.Public()
	forged := map[string]string{
		"alg none":                         sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()),
		"HS256 keyed with the public key":  sign(t, jwt.SigningMethodHS256, []byte(public.key), good()),
		"HS256 keyed with its base64":      sign(t, jwt.SigningMethodHS256, []byte(public.String()), good()),
		"HS512 keyed with the public key":  sign(t, jwt.SigningMethodHS512, []byte(public.key), good()),
		"another Ed25519 key":              sign(t, jwt.SigningMethodEdDSA, keyOf(t, 'b').key, good()),
		"our signature, method renamed":    renameMethod(t, sign(t, jwt.SigningMethodEdDSA, key.key, good()), "none"),
		"our signature, method misspelled": renameMethod(t, sign(t, jwt.SigningMethodEdDSA, key.key, good()), "eddsa"),
	}
	for name, text := range forged {
		t.Run(name, func(t *testing.T) {
			_, err := NewVerifier(public, clock(noon)).Verify(text)
			require.ErrorIs(t, err, ErrForged)
		})
	}
}

func renameMethod(t *testing.T, text, alg string) string {
	t.Helper()
	header, err := json.Marshal(map[string]string{"alg": alg, "typ": "JWT"})
	require.NoError(t, err)
	_, rest, _ := strings.Cut(text, ".")
	return base64.RawURLEncoding.EncodeToString(header) + "." + rest
}

// Every single character of a token matters, the last one of the signature
// included: base64 leaves spare bits there, which only strict decoding looks at.
func TestVerifyRefusesEveryTamperedCharacter(t *testing.T) {
	key := keyOf(t, 'a')
	verifier := NewVerifier(key.Public(), clock(noon))
	text := sign(t, jwt.SigningMethodEdDSA, key.key, good())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range text {
		others := []byte("A.=" + string(alphabet[(strings.IndexByte(alphabet, text[i])+1)%len(alphabet)]))
		if i == len(text)-1 || text[i+1] == '.' {
			others = append(others, alphabet...)
		}
		for _, c := range others {
			if _, err := verifier.Verify(text[:i] + string(c) + text[i+1:]); err == nil && c != text[i] {
				t.Fatalf("accepted with character %d changed from %q to %q", i, text[i], c)
			}
		}
	}
}

func TestVerifyRefusesAPromotedPayload(t *testing.T) {
	key := keyOf(t, 'a')
	parts := strings.Split(sign(t, jwt.SigningMethodEdDSA, key.key, good()), ".")
	other := good()
	other["sub"] = "u-2"
	stolen := strings.Split(sign(t, jwt.SigningMethodEdDSA, keyOf(t, 'b').key, other), ".")
	_, err := NewVerifier(key.Public(), clock(noon)).Verify(parts[0] + "." + stolen[1] + "." + parts[2])
	require.ErrorIs(t, err, ErrForged)
}

func TestVerifyRefusesNonsense(t *testing.T) {
	verifier := NewVerifier(keyOf(t, 'a').Public(), clock(noon))
	for _, text := range []string{"", ".", "..", "...", "a.b.c", "Bearer x", strings.Repeat("A", maxLength+1), "eyJhbGciOiJFZERTQSJ9..", "{}.{}.{}"} {
		_, err := verifier.Verify(text)
		require.ErrorIs(t, err, ErrMalformed, "%.20q", text)
	}
}

func TestKeys(t *testing.T) {
	key := keyOf(t, 'a')
	var public PublicKey
	require.NoError(t, public.UnmarshalText([]byte(key.Public().String())))
	assert.Equal(t, key.Public(), public)
	assert.Equal(t, "***", fmt.Sprint(key))
	assert.Equal(t, "***", fmt.Sprintf("%v", &key))
	for _, text := range []string{"", "short", base64.StdEncoding.EncodeToString(make([]byte, 31)), strings.Repeat("!", 44)} {
		require.ErrorContains(t, public.UnmarshalText([]byte(text)), "32 bytes in base64")
		require.ErrorContains(t, key.UnmarshalText([]byte(text)), "32 bytes in base64")
	}
}

// FuzzVerify looks for text that verifies though we did not sign it, and for a
// panic on the way.
func FuzzVerify(f *testing.F) {
	key := keyOf(f, 'a')
	verifier := NewVerifier(key.Public(), clock(noon))
	ours := sign(f, jwt.SigningMethodEdDSA, key.key, good())
	for _, seed := range []string{ours, ours + "A", "", "a.b.c", ours[:len(ours)-1],
		sign(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()),
		sign(f, jwt.SigningMethodHS256, []byte(key.Public().key), good())} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		claims, err := verifier.Verify(text)
		if err == nil && text != ours {
			t.Fatalf("accepted %q as %+v", text, claims)
		}
		if err != nil && claims != (Claims{}) {
			t.Fatalf("refused %q but returned %+v", text, claims)
		}
	})
}
