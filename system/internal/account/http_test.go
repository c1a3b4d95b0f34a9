package account

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"eventflow/system/internal/contract"
	"eventflow/system/internal/problem"
	"eventflow/system/internal/serve"
	"eventflow/system/internal/store"
	"eventflow/system/internal/ticket"
	"eventflow/system/internal/token"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// memory is Users that fail as told. The real store stands in for it in
// integration_test.go.
type memory struct {
	mu             sync.Mutex
	users          map[string]store.User
	find, create   error // given instead of an answer
	late           bool  // create obeys although it says create
	created, found int
}

func (m *memory) CreateUser(_ context.Context, u store.User) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.created++
	if _, taken := m.users[u.Email]; taken {
		return ticket.ErrEmailTaken
	}
	if m.create == nil || m.late {
		m.users[u.Email] = u
	}
	return m.create
}

func (m *memory) UserByEmail(_ context.Context, email string) (store.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.found++
	u, ok := m.users[email]
	if m.find != nil {
		return store.User{}, m.find
	}
	if !ok {
		return store.User{}, store.ErrNoUser
	}
	return u, nil
}

func (m *memory) fail(find, create error, late bool) { m.find, m.create, m.late = find, create, late }

// shop is auth as a client sees it, every answer held against the contract.
type shop struct {
	t        *testing.T
	handler  http.Handler
	contract *contract.Contract
	verifier *token.Verifier
	hasher   *Hasher
}

func newShop(t *testing.T, users Users) *shop {
	t.Helper()
	var key token.PrivateKey
	require.NoError(t, key.UnmarshalText([]byte(base64.StdEncoding.EncodeToString(make([]byte, 32)))))
	h := hasher(t, 2, 50*time.Millisecond)
	s := serve.New("auth", serve.Config{Node: "auth"}, io.Discard)
	s.Router.NotFound(problem.NotFound)
	s.Router.MethodNotAllowed(problem.MethodNotAllowed)
	accounts := New(users, h, token.NewIssuer(key, time.Hour, time.Now), 400*time.Millisecond)
	s.Router.Mount("/api/auth", Routes(accounts, 1500*time.Millisecond, slog.New(slog.DiscardHandler)))
	return &shop{t, s.Handler(), contract.Open(t), token.NewVerifier(key.Public(), time.Now), h}
}

type reply struct {
	*http.Response `json:"-"`
	Code           string `json:"code"`
	Pass
}

func (s *shop) post(path, body string) reply { return s.do(http.MethodPost, "/api/auth/"+path, body) }

func (s *shop) do(method, path, body string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://shop"+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	answer := reply{Response: w.Result()}
	s.contract.Check(s.t, req, answer.Response, w.Body.Bytes())
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer
}

func (s *shop) want(r reply, status int, code, outcome string) {
	s.t.Helper()
	assert.Equal(s.t, status, r.StatusCode)
	assert.Equal(s.t, code, r.Code)
	assert.Equal(s.t, outcome, r.Header.Get("X-Outcome"))
}

const ana = `{"email":"Ana@Example.org","password":"correct horse","name":"Ana"}`

func TestRegisterThenLogIn(t *testing.T) {
	s := newShop(t, &memory{users: map[string]store.User{}})
	in := s.post("register", ana)
	s.want(in, http.StatusCreated, "", "")
	assert.Equal(t, "ana@example.org", in.User.Email)
	assert.Equal(t, "no-store", in.Header.Get("Cache-Control"))
	claims, err := s.verifier.Verify(in.Token)
	require.NoError(t, err)
	assert.Equal(t, in.User.ID, claims.Subject)
	assert.Equal(t, "Ana", claims.Name)
	assert.True(t, claims.ExpiresAt.Equal(in.ExpiresAt))

	again := s.post("login", `{"email":" ANA@example.org","password":"correct horse"}`)
	s.want(again, http.StatusOK, "", "")
	assert.Equal(t, in.User, again.User)
	s.want(s.post("login", `{"email":"ana@example.org","password":"wrong horse"}`), 401, "wrong_credentials", "none")
	s.want(s.post("login", `{"email":"bob@example.org","password":"correct horse"}`), 401, "wrong_credentials", "none")
}

func TestRegisteringTwice(t *testing.T) {
	s := newShop(t, &memory{users: map[string]store.User{}})
	first := s.post("register", ana)
	same := s.post("register", strings.Replace(ana, "Ana@", "ANA@", 1))
	s.want(same, http.StatusCreated, "", "")
	assert.Equal(t, first.User, same.User, "the same request is the same account")
	s.want(s.post("register", strings.Replace(ana, "correct", "another", 1)), 409, "email_taken", "none")
	s.want(s.post("register", strings.Replace(ana, `"Ana"`, `"Eva"`, 1)), 409, "email_taken", "none")
}

func TestRegisterFindsOutAnUnknownOutcome(t *testing.T) {
	for _, late := range []bool{true, false} {
		t.Run(fmt.Sprint("obeyed ", late), func(t *testing.T) {
			m := &memory{users: map[string]store.User{}}
			s := newShop(t, m)
			m.fail(nil, ticket.Unknown("postgres", io.EOF), late)
			s.want(s.post("register", ana), 503, "outcome_unknown", "unknown")
			m.fail(nil, nil, false)
			s.want(s.post("register", ana), 201, "", "")
			assert.Len(t, m.users, 1)
		})
	}
}

// Twins that both found nobody: the loser of the insert is told of the account,
// not of a clash with itself.
func TestRegisterLosesTheRaceToItsTwin(t *testing.T) {
	s := newShop(t, &memory{users: map[string]store.User{}})
	answers := make(chan reply, 2)
	for range 2 {
		go func() { answers <- s.post("register", ana) }()
	}
	a, b := <-answers, <-answers
	assert.Equal(t, []int{201, 201}, []int{a.StatusCode, b.StatusCode})
	assert.Equal(t, a.User.ID, b.User.ID)
}

func TestWithoutDatabase(t *testing.T) {
	m := &memory{users: map[string]store.User{}, find: ticket.Unavailable("postgres", errors.New("breaker is open"))}
	s := newShop(t, m)
	for range 2 { // no place to hash is free: asking for one would be noticed
		s.hasher.slots <- struct{}{}
	}
	s.want(s.post("register", ana), 503, "database_unavailable", "none")
	s.want(s.post("login", `{"email":"ana@example.org","password":"correct horse"}`), 503, "database_unavailable", "none")
	assert.Zero(t, m.created)
	guest := s.post("guest", `{"nickname":"Ana"}`)
	s.want(guest, http.StatusOK, "", "")
	assert.Regexp(t, "^guest-[0-9a-f-]{36}$", guest.User.ID)
	_, err := s.verifier.Verify(guest.Token)
	require.NoError(t, err)

	m.fail(context.DeadlineExceeded, nil, false)
	s.want(s.post("login", `{"email":"ana@example.org","password":"correct horse"}`), 503, "database_unavailable", "none")
}

func TestBusy(t *testing.T) {
	s := newShop(t, &memory{users: map[string]store.User{}})
	for range 2 {
		s.hasher.slots <- struct{}{}
	}
	s.want(s.post("register", ana), 503, "busy", "none")
	s.want(s.post("login", `{"email":"ana@example.org","password":"correct horse"}`), 503, "busy", "none")
}

func TestRefusals(t *testing.T) {
	s := newShop(t, &memory{users: map[string]store.User{}})
	long := strings.Repeat("a", 73)
	big := `{"nickname":"` + strings.Repeat("a", problem.MaxBody) + `"}`
	for _, c := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"register", `{"email":"a@b.c","password":"` + long + `","name":"A"}`, 422, "invalid_request"},
		{"register", `{"email":"a@b.c","password":"short","name":"A"}`, 422, "invalid_request"},
		{"register", `{"email":"a","password":"correct horse","name":"A"}`, 422, "invalid_request"},
		{"register", `{"email":"a@b.c","password":"correct horse","name":"A\nB"}`, 422, "invalid_request"},
		{"register", `{"email":"a@b.c"}`, 422, "invalid_request"},
		{"register", `{"email":"a@b.c","admin":true}`, 400, "malformed_json"},
		{"register", `{`, 400, "malformed_json"},
		{"register", big, 413, "body_too_large"},
		{"login", `{"email":"a@b.c","password":"` + long + `"}`, 422, "invalid_request"},
		{"login", `{"email":"a@b.c","password":""}`, 422, "invalid_request"},
		{"login", `[]`, 400, "malformed_json"},
		{"login", big, 413, "body_too_large"},
		{"guest", `{"nickname":""}`, 422, "invalid_request"},
		{"guest", `{"nickname":"` + strings.Repeat("a", 33) + `"}`, 422, "invalid_request"},
		{"guest", ``, 400, "malformed_json"},
		{"guest", big, 413, "body_too_large"},
		{"nowhere", `{}`, 404, "not_found"},
	} {
		t.Run(fmt.Sprintf("%s %.30s", c.path, c.body), func(t *testing.T) { s.want(s.post(c.path, c.body), c.status, c.code, "none") })
	}
	wrong := s.do(http.MethodGet, "/api/auth/login", "")
	s.want(wrong, 405, "method_not_allowed", "none")
	assert.Equal(t, "POST", wrong.Header.Get("Allow"))
	s.want(s.do(http.MethodGet, "/elsewhere", ""), 404, "not_found", "none")
}

// A 72-byte password must not be opened by a longer one that begins with it.
func TestPrefixAttack(t *testing.T) {
	s := newShop(t, &memory{users: map[string]store.User{}})
	secret := strings.Repeat("s", 72)
	s.want(s.post("register", `{"email":"a@b.c","password":"`+secret+`","name":"A"}`), 201, "", "")
	s.want(s.post("login", `{"email":"a@b.c","password":"`+secret+`x"}`), 422, "invalid_request", "none")
	s.want(s.post("login", `{"email":"a@b.c","password":"`+secret[:71]+`"}`), 401, "wrong_credentials", "none")
	s.want(s.post("login", `{"email":"a@b.c","password":"`+secret+`"}`), 200, "", "")
}

func TestASurpriseIsAnUnknownOutcome(t *testing.T) {
	s := newShop(t, &memory{users: map[string]store.User{}, create: errors.New("never seen before")})
	s.want(s.post("register", ana), 500, "internal", "unknown")
}

// An unknown address must cost as many hashes as a known one: one. Counting is
// exact where a stopwatch would only be likely.
func TestAnUnknownAddressCostsAHash(t *testing.T) {
	s := newShop(t, &memory{users: map[string]store.User{}})
	s.post("register", ana)
	for _, email := range []string{"ana@example.org", "bob@example.org"} {
		s.hasher.slots <- struct{}{}
		s.hasher.slots <- struct{}{}
		s.want(s.post("login", `{"email":"`+email+`","password":"some password"}`), 503, "busy", "none")
		<-s.hasher.slots
		<-s.hasher.slots
	}
}
