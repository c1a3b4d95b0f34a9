package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"eventflow/system/internal/ticket"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// User is an account. Addresses are compared, and kept, in lower case.
type User struct {
	ID           string // uuid
	Email        string
	Name         string
	PasswordHash string
}

// uniqueViolation is the class 23 error of a second row with the same key.
const uniqueViolation = "23505"

// CreateUser writes an account, or gives ticket.ErrEmailTaken. After an unknown
// outcome the same user, id included, may be sent again: a row of his own making
// is no clash.
func (s *Store) CreateUser(ctx context.Context, u User) (err error) {
	begun := time.Now()
	defer func() { s.cfg.Observe("create_user", begun, err) }()
	return s.writes.through(func() error {
		ctx, cancel := context.WithTimeout(ctx, s.writes.timeout)
		defer cancel()
		conn, err := s.writes.acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		return insertUser(ctx, conn.Conn(), u)
	})
}

func insertUser(ctx context.Context, c *pgx.Conn, u User) error {
	_, err := c.Exec(ctx, `insert into users (id, email, name, password_hash) values ($1, lower($2), $3, $4) on conflict (id) do nothing`,
		u.ID, u.Email, u.Name, u.PasswordHash)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == uniqueViolation {
		return ticket.ErrEmailTaken
	}
	if err != nil {
		return writeError(err)
	}
	return nil
}

// UserByEmail finds an account, or gives ErrNoUser.
func (s *Store) UserByEmail(ctx context.Context, email string) (User, error) {
	return read(ctx, s, "user_by_email", s.cfg.ReadTimeout, func(ctx context.Context, c *pgx.Conn) (u User, err error) {
		err = c.QueryRow(ctx, `select id::text, email, name, password_hash from users where email = lower($1)`, email).
			Scan(&u.ID, &u.Email, &u.Name, &u.PasswordHash)
		if errors.Is(err, pgx.ErrNoRows) {
			return User{}, ErrNoUser
		}
		return u, err
	})
}

// EmailTaken reports whether an account has the address. It saves the hash of a
// password that would be refused anyway; CreateUser decides.
func (s *Store) EmailTaken(ctx context.Context, email string) (bool, error) {
	return read(ctx, s, "email_taken", s.cfg.ReadTimeout, func(ctx context.Context, c *pgx.Conn) (taken bool, err error) {
		err = c.QueryRow(ctx, `select exists (select from users where email = lower($1))`, strings.TrimSpace(email)).Scan(&taken)
		return taken, err
	})
}
