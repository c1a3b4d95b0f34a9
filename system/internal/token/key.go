package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
)

// PrivateKey signs tokens. As text it is the base64 (standard, padded) of the
// 32-byte seed of RFC 8032, the form AUTH_PRIVATE_KEY has. It never prints.
type PrivateKey struct{ key ed25519.PrivateKey }

// PublicKey verifies tokens. As text it is the base64 of its 32 bytes, the form
// AUTH_PUBLIC_KEY has.
type PublicKey struct{ key ed25519.PublicKey }

// UnmarshalText reads a seed. The error does not repeat it.
func (k *PrivateKey) UnmarshalText(text []byte) error {
	seed, err := decode(text, ed25519.SeedSize)
	if err != nil {
		return err
	}
	k.key = ed25519.NewKeyFromSeed(seed)
	return nil
}

// String hides the key from logs.
func (k PrivateKey) String() string { return "***" }

// Public is the key that verifies what this one signs.
func (k PrivateKey) Public() PublicKey {
	public, ok := k.key.Public().(ed25519.PublicKey)
	if !ok {
		return PublicKey{}
	}
	return PublicKey{public}
}

// UnmarshalText reads a public key.
func (k *PublicKey) UnmarshalText(text []byte) error {
	raw, err := decode(text, ed25519.PublicKeySize)
	if err != nil {
		return err
	}
	k.key = raw
	return nil
}

// String is the key as UnmarshalText reads it.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k.key) }

func decode(text []byte, size int) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil || len(raw) != size {
		return nil, fmt.Errorf("expected %d bytes in base64", size)
	}
	return raw, nil
}
