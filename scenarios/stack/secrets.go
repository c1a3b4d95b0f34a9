package stack

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"

	"fmt"
)

// Secrets are the passwords and keys of one stack. None is shared between two
// stacks, and none is worth anything once its stack is down.
type Secrets struct {
	Postgres string `json:"postgres"` // the superuser, for the laboratory alone
	App      string `json:"app"`      // role eventflow_app
	Auth     string `json:"auth"`     // role eventflow_auth
	Consumer string `json:"consumer"` // role eventflow_consumer
	Redis    string `json:"redis"`
	Rabbit   string `json:"rabbit"`   // user "eventflow"
	Grafana  string `json:"grafana"`  // user "admin"; only the stack of docker-compose.yml has one
	AuthSeed []byte `json:"auth_key"` // Ed25519 seed: signs tokens
}

// RabbitUser is the broker's only user.
const RabbitUser = "eventflow"

// NewSecrets draws new secrets from the operating system's randomness.
func NewSecrets() Secrets {
	return Secrets{
		Postgres: password(), App: password(), Auth: password(), Consumer: password(),
		Redis: password(), Rabbit: password(), Grafana: password(), AuthSeed: random(ed25519.SeedSize),
	}
}

// password is 128 bits in letters and digits: it needs no quoting in a URL, a
// configuration file or SQL.
func password() string { return hex.EncodeToString(random(16)) }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}

// PublicKey is the half of the key that verifies tokens, in base64.
func (s Secrets) PublicKey() string {
	public := ed25519.NewKeyFromSeed(s.AuthSeed).Public().(ed25519.PublicKey)
	return base64.StdEncoding.EncodeToString(public)
}

// SQL is the environment from which init.sql takes the passwords of its roles.
func (s Secrets) SQL() map[string]string {
	return map[string]string{
		envApp:      s.App,
		envAuth:     s.Auth,
		envConsumer: s.Consumer,
	}
}

// privateKey is what the auth program signs with, in base64.
func (s Secrets) privateKey() string { return base64.StdEncoding.EncodeToString(s.AuthSeed) }

func (s Secrets) rolePassword(role string) string {
	return map[string]string{"eventflow_app": s.App, "eventflow_auth": s.Auth, "eventflow_consumer": s.Consumer}[role]
}

// The variables of the .env file beside docker-compose.yml.
const (
	envPostgres = "EVENTFLOW_POSTGRES_PASSWORD"
	envApp      = "EVENTFLOW_APP_PASSWORD"
	envAuth     = "EVENTFLOW_AUTH_PASSWORD"
	envConsumer = "EVENTFLOW_CONSUMER_PASSWORD"
	envRedis    = "EVENTFLOW_REDIS_PASSWORD"
	envRabbit   = "EVENTFLOW_RABBITMQ_PASSWORD"
	envGrafana  = "EVENTFLOW_GRAFANA_PASSWORD"
	envPrivate  = "EVENTFLOW_AUTH_PRIVATE_KEY"
	envPublic   = "EVENTFLOW_AUTH_PUBLIC_KEY"
)

// What docker-compose.yml falls back to where no .env says otherwise. They are no
// secrets: everybody can read them. The file uses them on loopback alone.
const (
	localPassword = "local-lab-only"
	localSeed     = "local-lab-only, never in public." // as many bytes as a seed has
)

// LocalSecrets are the fixed values of docker-compose.yml, for a stack without a
// .env file.
func LocalSecrets() Secrets {
	return Secrets{
		Postgres: localPassword, App: localPassword, Auth: localPassword, Consumer: localPassword,
		Redis: localPassword, Rabbit: localPassword, Grafana: localPassword, AuthSeed: []byte(localSeed),
	}
}

// passwords are the passwords by the variables that carry them.
func (s *Secrets) passwords() map[string]*string {
	return map[string]*string{
		envPostgres: &s.Postgres, envApp: &s.App, envAuth: &s.Auth, envConsumer: &s.Consumer,
		envRedis: &s.Redis, envRabbit: &s.Rabbit, envGrafana: &s.Grafana,
	}
}

// Compose is the secrets as docker-compose.yml reads them: the content of .env.
func (s Secrets) Compose() map[string]string {
	env := map[string]string{envPrivate: s.privateKey(), envPublic: s.PublicKey()}
	for name, password := range s.passwords() {
		env[name] = *password
	}
	return env
}

// ComposeSecrets are the secrets of a stack that docker-compose.yml started with
// these variables; one that is empty has the file's own value. An error names
// keys with which no token would ever be accepted.
func ComposeSecrets(env func(string) string) (Secrets, error) {
	s := LocalSecrets()
	for name, password := range s.passwords() {
		*password = cmp.Or(env(name), *password)
	}
	seed, err := base64.StdEncoding.DecodeString(cmp.Or(env(envPrivate), s.privateKey()))
	if err != nil {
		return Secrets{}, fmt.Errorf("%s: %w", envPrivate, err)
	}
	if len(seed) != ed25519.SeedSize {
		return Secrets{}, fmt.Errorf("%s: a key has %d bytes, this one %d", envPrivate, ed25519.SeedSize, len(seed))
	}
	public := cmp.Or(env(envPublic), s.PublicKey())
	s.AuthSeed = seed
	if s.PublicKey() != public {
		return Secrets{}, fmt.Errorf("%s does not belong to %s: no node would accept a token", envPublic, envPrivate)
	}
	return s, nil
}
