// Package account registers people, logs them in and lets guests in, and hands
// each of them a token.
//
// It must not know about events or seats. When PostgreSQL is gone, registering
// and logging in are refused at once, and guests still come in: they need none.
package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"
	"eventflow/system/internal/token"

	"github.com/google/uuid"
)

// Users is where accounts are kept. UserByEmail gives store.ErrNoUser for nobody,
// CreateUser gives ticket.ErrEmailTaken; failures are ticket troubles.
type Users interface {
	CreateUser(ctx context.Context, u store.User) error
	UserByEmail(ctx context.Context, email string) (store.User, error)
}

// Person is who a token was made for, as the API shows them.
type Person struct {
	ID    string `json:"id"`
	Email string `json:"email,omitempty"` // guests have none
	Name  string `json:"name"`
}

// Pass is a person with a token.
type Pass struct {
	User      Person    `json:"user"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Accounts is the rules of registering and logging in.
type Accounts struct {
	users  Users
	hasher *Hasher
	issuer *token.Issuer
	lookup time.Duration
}

// New needs the users, the hasher, the issuer, and how long a look-up may take:
// less than half a second, because that look-up is what finds out that PostgreSQL
// is gone and the answer must come before half a second.
func New(users Users, hasher *Hasher, issuer *token.Issuer, lookup time.Duration) *Accounts {
	return &Accounts{users: users, hasher: hasher, issuer: issuer, lookup: lookup}
}

// Registration is what a new person says.
type Registration struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

// Register makes an account. It asks for the address first: if PostgreSQL is gone
// that fails fast, before a third of a second of hashing is spent on a request
// that cannot succeed.
//
// After an unknown outcome the same request, repeated, finds out: it answers with
// the account that exists if address, name and password are the same, and
// ErrEmailTaken if they are not. That tells nobody more than logging in would.
func (a *Accounts) Register(ctx context.Context, r Registration) (Pass, error) {
	r, err := r.clean()
	if err != nil {
		return Pass{}, err
	}
	existing, err := a.find(ctx, r.Email)
	if errors.Is(err, store.ErrNoUser) {
		existing, err = a.create(ctx, r)
	} else if err == nil {
		err = a.same(ctx, existing, r)
	}
	if err != nil {
		return Pass{}, fmt.Errorf("register: %w", err)
	}
	return a.pass(existing)
}

func (r Registration) clean() (Registration, error) {
	var email, password, name error
	r.Email, email = cleanEmail(r.Email)
	r.Password, password = newPassword(r.Password)
	r.Name, name = cleanName("name", r.Name, MaxName)
	return r, first(email, password, name)
}

// create hashes and inserts. Losing the race for the address against a twin of
// this very request is no failure.
func (a *Accounts) create(ctx context.Context, r Registration) (store.User, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return store.User{}, fmt.Errorf("make an id: %w", err)
	}
	hash, err := a.hasher.Hash(ctx, r.Password)
	if err != nil {
		return store.User{}, err
	}
	u := store.User{ID: id.String(), Email: r.Email, Name: r.Name, PasswordHash: hash}
	err = a.users.CreateUser(ctx, u)
	if errors.Is(err, ticket.ErrEmailTaken) {
		if u, err = a.find(ctx, r.Email); err == nil {
			err = a.same(ctx, u, r)
		}
	}
	return u, err
}

// same reports whether the account is what the registration asks for.
func (a *Accounts) same(ctx context.Context, u store.User, r Registration) error {
	ok, err := a.hasher.Compare(ctx, u.PasswordHash, r.Password)
	if err != nil {
		return err
	}
	if !ok || u.Name != r.Name {
		return ticket.ErrEmailTaken
	}
	return nil
}

// Login checks a password. An unknown address costs as much time as a wrong
// password and gets the same answer.
func (a *Accounts) Login(ctx context.Context, email, password string) (Pass, error) {
	email, emailErr := cleanEmail(email)
	password, passwordErr := cleanPassword(password)
	if err := first(emailErr, passwordErr); err != nil {
		return Pass{}, err
	}
	u, err := a.find(ctx, email)
	if errors.Is(err, store.ErrNoUser) {
		err = errors.Join(a.hasher.CompareDummy(ctx, password), ticket.ErrWrongPassword)
	} else if err == nil {
		err = a.check(ctx, u, password)
	}
	if err != nil {
		return Pass{}, fmt.Errorf("log in: %w", err)
	}
	return a.pass(u)
}

func (a *Accounts) check(ctx context.Context, u store.User, password string) error {
	ok, err := a.hasher.Compare(ctx, u.PasswordHash, password)
	if err == nil && !ok {
		return ticket.ErrWrongPassword
	}
	return err
}

// Guest lets somebody in without an account and without a database, so that a
// sale can open while PostgreSQL is gone. Nobody can be the same guest twice.
func (a *Accounts) Guest(nickname string) (Pass, error) {
	name, err := cleanName("nickname", nickname, MaxNickname)
	if err != nil {
		return Pass{}, err
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return Pass{}, fmt.Errorf("let a guest in: %w", err)
	}
	return a.pass(store.User{ID: "guest-" + id.String(), Name: name})
}

// find looks an address up. Looking changes nothing, so whatever goes wrong,
// nothing happened: a deadline included.
func (a *Accounts) find(ctx context.Context, email string) (store.User, error) {
	ctx, cancel := context.WithTimeout(ctx, a.lookup)
	defer cancel()
	u, err := a.users.UserByEmail(ctx, email)
	if err == nil || errors.Is(err, store.ErrNoUser) || errors.Is(err, ticket.ErrUnavailable) {
		return u, err
	}
	return u, ticket.Unavailable("postgres", err)
}

func (a *Accounts) pass(u store.User) (Pass, error) {
	text, expires, err := a.issuer.Issue(u.ID, u.Name)
	if err != nil {
		return Pass{}, err
	}
	return Pass{User: Person{ID: u.ID, Email: u.Email, Name: u.Name}, Token: text, ExpiresAt: expires}, nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
