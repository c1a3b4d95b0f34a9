// Program auth registers people, logs them in and issues the tokens that the apps
// verify on their own. Only this program holds the private key.
package main

import (
	"context"
	"os"
	"time"

	"eventflow/system/internal/account"
	"eventflow/system/internal/problem"
	"eventflow/system/internal/serve"
	"eventflow/system/internal/store"
	"eventflow/system/internal/token"
)

type config struct {
	serve.Config
	Addr       string           `env:"POSTGRES_ADDR" help:"host:port of PostgreSQL"`
	User       string           `env:"POSTGRES_USER" default:"eventflow_auth" help:"role that may read and add users"`
	Password   string           `env:"POSTGRES_PASSWORD" secret:"true" help:"the role's password"`
	Database   string           `env:"POSTGRES_DB" default:"eventflow" help:"database"`
	Key        token.PrivateKey `env:"AUTH_PRIVATE_KEY" secret:"true" help:"seed of the Ed25519 key, 32 bytes in base64"`
	TTL        time.Duration    `env:"TOKEN_TTL" default:"12h" min:"1s" help:"how long a token is good"`
	Cost       int              `env:"BCRYPT_COST" default:"12" min:"4" max:"31" help:"bcrypt's work factor"`
	Workers    int              `env:"BCRYPT_WORKERS" default:"2" min:"1" help:"passwords hashed at a time"`
	Wait       time.Duration    `env:"BCRYPT_WAIT" default:"300ms" min:"1ms" help:"how long a request waits for its turn to hash"`
	LookupTime time.Duration    `env:"LOOKUP_TIMEOUT" default:"400ms" min:"10ms" help:"look-up of an address; register and login are refused this fast"`
	WriteTime  time.Duration    `env:"STORE_WRITE_TIMEOUT" default:"1s" min:"10ms" help:"insert of an account"`
	Limit      time.Duration    `env:"HANDLER_TIMEOUT" default:"1500ms" min:"10ms" help:"a whole request; below nginx's 2 s"`
}

func main() { os.Exit(serve.Main("auth", "accounts and tokens of EventFlow", wire)) }

func wire(_ context.Context, cfg config, s *serve.Service) error {
	users, err := store.Open(store.Config{Addr: cfg.Addr, User: cfg.User, Password: cfg.Password, Database: cfg.Database,
		ReadTimeout: cfg.LookupTime, WriteTimeout: cfg.WriteTime,
		Observe: s.Metrics.Dependency("postgres", store.ErrNoUser)})
	if err != nil {
		return err
	}
	s.OnStop("postgres", func(context.Context) error { users.Close(); return nil })
	s.Depend(serve.Dependency{Name: "postgres", Check: users.Ping})
	hasher, err := account.NewHasher(cfg.Cost, cfg.Workers, cfg.Wait)
	if err != nil {
		return err
	}
	accounts := account.New(users, hasher, token.NewIssuer(cfg.Key, cfg.TTL, time.Now), cfg.LookupTime)
	s.Log.Info("tokens are signed", "public_key", cfg.Key.Public().String())
	s.Router.NotFound(problem.NotFound)
	s.Router.MethodNotAllowed(problem.MethodNotAllowed)
	s.Router.Mount("/api/auth", account.Routes(accounts, cfg.Limit, s.Log))
	return nil
}
