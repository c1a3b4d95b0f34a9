package report

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBothLanguagesSayTheSame: every key in both, with the same blanks to fill.
func TestBothLanguagesSayTheSame(t *testing.T) {
	w, err := loadWords()
	require.NoError(t, err)
	require.NotEmpty(t, w[English])
	blank := regexp.MustCompile(`\{\w+\}`)
	for _, pair := range [][2]string{{English, Spanish}, {Spanish, English}} {
		for key, text := range w[pair[0]] {
			other, ok := w[pair[1]][key]
			if !assert.True(t, ok, "%q is missing in %s", key, pair[1]) {
				continue
			}
			assert.NotEmpty(t, other, key)
			mine, theirs := blank.FindAllString(text, -1), blank.FindAllString(other, -1)
			slices.Sort(mine)
			slices.Sort(theirs)
			assert.Equal(t, mine, theirs, key)
		}
	}
}

// TestNoWordIsMissing looks up every key that the templates name outright; those
// that are put together are met by the tests of the pages, where a missing one is
// an error.
func TestNoWordIsMissing(t *testing.T) {
	w, err := loadWords()
	require.NoError(t, err)
	pages, err := fs.Glob(pageFiles, "page/*.html")
	require.NoError(t, err)
	found := 0
	for _, path := range pages {
		raw, err := pageFiles.ReadFile(path)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\b(?:t|plain|in "e[ns]") "([a-z_0-9.]+)"`).FindAllStringSubmatch(string(raw), -1) {
			found++
			assert.Contains(t, w[English], m[1], path)
		}
	}
	require.Greater(t, found, 100, "the search itself must find keys")
}

func TestAMissingWordIsAnError(t *testing.T) {
	w := words{English: {"a": "A"}, Spanish: {}}
	_, err := w.both("a")
	require.ErrorContains(t, err, `"a" in es`)
	_, err = w.plain(Spanish, "a")
	require.ErrorContains(t, err, `"a" in es`)
}

func TestOneAndNoneHaveWordsOfTheirOwn(t *testing.T) {
	w := words{English: {"lost": "{n} lost", "lost.zero": "none lost", "lost.one": "one lost"}}
	for n, want := range []string{"none lost", "one lost", "2 lost"} {
		got, err := w.plain(English, "lost", "n", n)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
