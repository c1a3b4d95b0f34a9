package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"eventflow/system/internal/problem"

	"golang.org/x/crypto/bcrypt"
)

// Hasher hashes and compares passwords, few at a time. A bcrypt of cost 12 takes
// about 0.3 s of a core: without a bound, a rush of log-ins would starve every
// other request of the machine, and then each other.
type Hasher struct {
	cost  int
	slots chan struct{}
	wait  time.Duration
	dummy []byte
}

// NewHasher allows workers at a time; others wait for a place at most wait, then
// are told it is busy. Cost is bcrypt's (4 to 31). It hashes once itself, for
// CompareDummy.
func NewHasher(cost, workers int, wait time.Duration) (*Hasher, error) {
	dummy, err := bcrypt.GenerateFromPassword([]byte("nobody has this password"), cost)
	if err != nil {
		return nil, fmt.Errorf("hash a dummy password: %w", err)
	}
	return &Hasher{cost: cost, slots: make(chan struct{}, workers), wait: wait, dummy: dummy}, nil
}

// Hash is the password's bcrypt. The password must have at most MaxPassword bytes.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	var hash []byte
	err := h.work(ctx, func() (err error) {
		hash, err = bcrypt.GenerateFromPassword([]byte(password), h.cost)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(hash), nil
}

// Compare reports whether the password belongs to the hash. It refuses longer
// passwords itself, whoever calls: bcrypt would compare their first 72 bytes.
func (h *Hasher) Compare(ctx context.Context, hash, password string) (bool, error) {
	if len(password) > MaxPassword {
		return false, nil
	}
	return h.compare(ctx, []byte(hash), password)
}

// CompareDummy takes as long as Compare and is never true: an unknown address
// must not be told from a wrong password by the clock.
func (h *Hasher) CompareDummy(ctx context.Context, password string) error {
	_, err := h.compare(ctx, h.dummy, password)
	return err
}

func (h *Hasher) compare(ctx context.Context, hash []byte, password string) (bool, error) {
	err := h.work(ctx, func() error { return bcrypt.CompareHashAndPassword(hash, []byte(password)) })
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return true, nil
}

// work runs f in a place of its own. f cannot be stopped: a caller whose time is
// up leaves, and the place stays taken until f has ended, so that the bound holds
// for what really runs.
func (h *Hasher) work(ctx context.Context, f func() error) error {
	if err := h.enter(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-h.slots }()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return busy()
	}
}

func (h *Hasher) enter(ctx context.Context) error {
	limit := time.NewTimer(h.wait)
	defer limit.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-limit.C:
		return busy()
	case <-ctx.Done():
		return busy()
	}
}

func busy() error {
	return problem.New(http.StatusServiceUnavailable, "busy", "too many people log in at this moment; nothing happened, try again")
}
