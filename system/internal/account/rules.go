package account

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"eventflow/system/internal/ticket"

	"golang.org/x/text/unicode/norm"
)

// Limits of what people may type.
const (
	// MinPassword is the fewest characters of a new password.
	MinPassword = 8
	// MaxPassword in bytes is all that bcrypt looks at. Go's Generate refuses
	// more but its Compare does not: it would let in whoever knows the first 72
	// bytes, so both register and login refuse longer ones.
	MaxPassword = 72
	// MaxEmail in bytes is the longest address SMTP can carry (RFC 5321).
	MaxEmail = 254
	// MaxName and MaxNickname are in characters.
	MaxName     = 64
	MaxNickname = 32
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ticket.ErrInvalid}, args...)...)
}

// cleanPassword brings a password to one spelling and refuses what cannot be
// hashed whole. Without normalising, "contraseña" typed on two keyboards is two
// passwords: ñ may be one character or two.
func cleanPassword(p string) (string, error) {
	p = norm.NFC.String(p)
	if p == "" {
		return "", invalid("password is empty")
	}
	if len(p) > MaxPassword {
		return "", invalid("password has %d bytes, %d are allowed", len(p), MaxPassword)
	}
	return p, nil
}

// newPassword is cleanPassword with the rule for new ones. Login does not apply
// it: what was allowed once still opens the door.
func newPassword(p string) (string, error) {
	p, err := cleanPassword(p)
	if err != nil {
		return "", err
	}
	if n := utf8.RuneCountInString(p); n < MinPassword {
		return "", invalid("password has %d characters, at least %d are needed", n, MinPassword)
	}
	return p, nil
}

// cleanEmail brings an address to the one spelling it is kept in. Only plain
// ASCII addresses are taken: two addresses that look alike must be alike.
func cleanEmail(e string) (string, error) {
	e = strings.ToLower(strings.TrimSpace(e))
	if e == "" || len(e) > MaxEmail {
		return "", invalid("email must have 1 to %d bytes", MaxEmail)
	}
	for _, r := range e {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<>[\]`, r) {
			return "", invalid("email holds a character that an address here may not have")
		}
	}
	if a, err := mail.ParseAddress(e); err != nil || a.Address != e {
		return "", invalid("email is not an address such as ana@example.org")
	}
	return e, nil
}

// cleanName trims a name and refuses what would break the page or the log it is
// shown on: control characters, line breaks, marks that turn the text round, and
// names of which nothing can be seen.
func cleanName(field, n string, limit int) (string, error) {
	n = strings.TrimSpace(norm.NFC.String(n))
	if c := utf8.RuneCountInString(n); c == 0 || c > limit {
		return "", invalid("%s must have 1 to %d characters", field, limit)
	}
	seen := false
	for _, r := range n {
		if unicode.IsControl(r) || r == utf8.RuneError || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return "", invalid("%s holds a control character", field)
		}
		seen = seen || unicode.IsGraphic(r) && !unicode.IsSpace(r)
	}
	if !seen {
		return "", invalid("%s has nothing to see", field)
	}
	return n, nil
}
