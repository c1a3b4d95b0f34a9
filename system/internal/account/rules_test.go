package account

import (
	"strings"
	"testing"

	"eventflow/system/internal/ticket"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewPassword(t *testing.T) {
	for _, c := range []struct {
		name, password string
		ok             bool
	}{
		{"fewest characters", "12345678", true},
		{"one too few", "1234567", false},
		{"characters count, not bytes", "ññññññññ", true},
		{"seven characters of two bytes", "ñññññññ", false},
		{"most bytes", strings.Repeat("a", 72), true},
		{"one byte too many", strings.Repeat("a", 73), false},
		{"37 characters, 74 bytes", strings.Repeat("ñ", 37), false},
		{"empty", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newPassword(c.password)
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ticket.ErrInvalid)
			assert.NotContains(t, err.Error(), "1234567", "a password is not repeated")
		})
	}
}

func TestCleanPasswordHasOneSpelling(t *testing.T) {
	composed, err := cleanPassword("contrase\u00f1a")
	require.NoError(t, err)
	apart, err := cleanPassword("contrasen\u0303a")
	require.NoError(t, err)
	assert.Equal(t, composed, apart)
}

func TestCleanEmail(t *testing.T) {
	for in, want := range map[string]string{
		"Ana@Example.ORG":              "ana@example.org",
		"  ana@example.org\n":          "ana@example.org",
		"ana+tickets@example.org":      "ana+tickets@example.org",
		"":                             "",
		"ana":                          "",
		"ana@":                         "",
		"@example.org":                 "",
		"ana@example.org, b@c.org":     "",
		"Ana <ana@example.org>":        "",
		"ana@example.org (Ana)":        "",
		"a na@example.org":             "",
		"ana@exa\x00mple.org":          "",
		"ana\u202e@example.org":        "",
		"\u0430na@example.org":         "", // Cyrillic a
		`"ana"@example.org`:            "",
		strings.Repeat("a", 255) + "@": "",
	} {
		got, err := cleanEmail(in)
		assert.Equal(t, want, got, "%q", in)
		assert.Equal(t, want == "", err != nil, "%q: %v", in, err)
	}
}

func TestCleanName(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
	}{
		{"trimmed", "  Ana María ", "Ana María"},
		{"composed", "Nu\u0301n\u0303ez", "Núñez"},
		{"emoji of several characters", "👩‍🎤", "👩‍🎤"},
		{"empty", "", ""},
		{"blank", " \t ", ""},
		{"line break", "Ana\nroot", ""},
		{"NUL", "Ana\x00", ""},
		{"escape sequence", "\x1b[31mAna", ""},
		{"turned round", "Ana\u202egpj", ""},
		{"line separator", "Ana\u2028b", ""},
		{"nothing to see", "\u200b\u200b", ""},
		{"not UTF-8", "Ana\xff", ""},
		{"longest", strings.Repeat("ñ", MaxName), strings.Repeat("ñ", MaxName)},
		{"too long", strings.Repeat("ñ", MaxName+1), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := cleanName("name", c.in, MaxName)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.want == "", err != nil)
		})
	}
}
