package ticket

import (
	"errors"
	"fmt"
)

// Broken rules. Each is a "no": what was asked did not happen and, asked in the
// same way, never will.
var (
	ErrInvalid       = errors.New("invalid request")
	ErrNoEvent       = errors.New("no such event")
	ErrNoSeat        = errors.New("no such seat")
	ErrSeatTaken     = errors.New("seat taken")
	ErrNoLock        = errors.New("no such lock")
	ErrLockLapsed    = errors.New("lock lapsed")
	ErrNotOwner      = errors.New("lock belongs to somebody else")
	ErrLockInUse     = errors.New("lock is being bought with")
	ErrRejected      = errors.New("purchase was rejected")
	ErrNoPurchase    = errors.New("no such purchase")
	ErrEmailTaken    = errors.New("email address is registered already")
	ErrWrongPassword = errors.New("wrong email address or password")
)

// ErrUnavailable is "not now": it did not happen, and it may be tried again.
var ErrUnavailable = errors.New("unavailable")

// ErrUnknown is "don't know": it may have happened, or may yet. Only the same
// request, repeated, finds out.
var ErrUnknown = errors.New("outcome unknown")

// Unavailable wraps what kept dependency from answering before anything was
// done.
func Unavailable(dependency string, cause error) error {
	return &Trouble{Dependency: dependency, Kind: ErrUnavailable, Cause: cause}
}

// Unknown wraps what kept dependency from saying whether something was done.
func Unknown(dependency string, cause error) error {
	return &Trouble{Dependency: dependency, Kind: ErrUnknown, Cause: cause}
}

// Trouble is a dependency's failure, with what it means for the request.
type Trouble struct {
	Dependency string // "postgres", "redis", "rabbitmq"
	Kind       error  // ErrUnavailable or ErrUnknown
	Cause      error
}

// Error names the dependency, the meaning and the cause.
func (t *Trouble) Error() string {
	return fmt.Sprintf("%s: %v: %v", t.Dependency, t.Kind, t.Cause)
}

// Unwrap lets errors.Is find the meaning as well as the cause.
func (t *Trouble) Unwrap() []error { return []error{t.Kind, t.Cause} }
