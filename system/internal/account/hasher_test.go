package account

import (
	"context"
	"strings"
	"testing"
	"time"

	"eventflow/system/internal/problem"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func hasher(t *testing.T, workers int, wait time.Duration) *Hasher {
	t.Helper()
	h, err := NewHasher(bcrypt.MinCost, workers, wait)
	require.NoError(t, err)
	return h
}

func TestHashAndCompare(t *testing.T) {
	h := hasher(t, 2, time.Second)
	first, err := h.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	second, err := h.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	assert.NotEqual(t, first, second, "each hash has a salt of its own")
	assert.NotContains(t, first, "horse")
	cost, err := bcrypt.Cost([]byte(first))
	require.NoError(t, err)
	assert.Equal(t, bcrypt.MinCost, cost)
	for password, want := range map[string]bool{"correct horse": true, "correct horsf": false, "Correct horse": false, "correct horse ": false, "": false} {
		ok, err := h.Compare(t.Context(), first, password)
		require.NoError(t, err)
		assert.Equal(t, want, ok, "%q", password)
	}
	require.NoError(t, h.CompareDummy(t.Context(), "correct horse"))
}

// bcrypt looks at 72 bytes and its Compare does not say when there are more. This
// test shows the hole, and that it is closed.
func TestPasswordsAreNotTruncated(t *testing.T) {
	h := hasher(t, 1, time.Second)
	password := strings.Repeat("a", MaxPassword)
	hash, err := h.Hash(t.Context(), password)
	require.NoError(t, err)
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte(password+"x")), "the library still has the hole")

	for _, c := range []struct {
		password string
		want     bool
	}{{password, true}, {password + "x", false}, {password[:71], false}, {password[:71] + "b", false}, {password + strings.Repeat("a", 100), false}} {
		ok, err := h.Compare(t.Context(), hash, c.password)
		require.NoError(t, err)
		assert.Equal(t, c.want, ok, "%d bytes", len(c.password))
	}
	_, err = h.Hash(t.Context(), password+"x")
	require.ErrorIs(t, err, bcrypt.ErrPasswordTooLong)
}

func TestANULByteEndsNoPassword(t *testing.T) {
	h := hasher(t, 1, time.Second)
	hash, err := h.Hash(t.Context(), "pass\x00word")
	require.NoError(t, err)
	ok, err := h.Compare(t.Context(), hash, "pass\x00other")
	require.NoError(t, err)
	assert.False(t, ok)
}

func TestCompareReportsABrokenHash(t *testing.T) {
	_, err := hasher(t, 1, time.Second).Compare(t.Context(), "not a hash", "password")
	require.ErrorContains(t, err, "compare password")
}

func TestAFullHasherIsBusy(t *testing.T) {
	h := hasher(t, 2, 20*time.Millisecond)
	release := make(chan struct{})
	started := make(chan struct{}, 2)
	for range 2 {
		go func() {
			_ = h.work(context.Background(), func() error { started <- struct{}{}; <-release; return nil })
		}()
	}
	<-started
	<-started
	_, err := h.Hash(t.Context(), "password")
	p := problem.From(err)
	assert.Equal(t, 503, p.Status)
	assert.Equal(t, "busy", p.Code)
	assert.Equal(t, problem.None, p.Outcome)
	close(release)
	h.wait = 10 * time.Second
	_, err = h.Hash(t.Context(), "password")
	require.NoError(t, err, "a place that was given back can be taken")
}

// A caller whose time is up must not free the place of the work it leaves behind:
// else the bound would be on callers, not on what burns the processor.
func TestALeftPlaceStaysTakenUntilTheWorkEnds(t *testing.T) {
	h := hasher(t, 1, 10*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	err := h.work(ctx, func() error { cancel(); <-release; return nil })
	assert.Equal(t, "busy", problem.From(err).Code)
	_, err = h.Hash(t.Context(), "password")
	assert.Equal(t, "busy", problem.From(err).Code)
	close(release)
}

func TestNewHasherRefusesACost(t *testing.T) {
	_, err := NewHasher(32, 1, time.Second)
	require.ErrorContains(t, err, "dummy")
}
