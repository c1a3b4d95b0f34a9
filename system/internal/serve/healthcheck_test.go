package serve

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checkHealth runs the argument "health" with nothing in the environment but the
// address, and returns what it says and its exit code.
func checkHealth(listen string) (string, int) {
	var out bytes.Buffer
	code := health(env(map[string]string{"LISTEN_ADDR": listen}), &out)
	return out.String(), code
}

func TestHealthOfAProgramThatRuns(t *testing.T) {
	s := New("app", testConfig(), t.Output())
	s.Depend(Dependency{"redis", func(context.Context) error { return context.DeadlineExceeded }})
	for _, listen := range []string{"127.0.0.1:0", ":0", "0.0.0.0:0"} {
		t.Run(listen, func(t *testing.T) {
			l, err := net.Listen("tcp", listen)
			require.NoError(t, err)
			server := &httptest.Server{Listener: l, Config: &http.Server{Handler: s.Handler()}}
			server.Start()
			t.Cleanup(server.Close)
			host, _, err := net.SplitHostPort(listen)
			require.NoError(t, err)
			_, port, err := net.SplitHostPort(l.Addr().String())
			require.NoError(t, err)

			said, code := checkHealth(net.JoinHostPort(host, port))
			assert.Equal(t, ExitOK, code, "a lost dependency is no reason to be called sick: %s", said)
			assert.Empty(t, said)
		})
	}
}

func TestHealthOfAProgramThatIsNotWell(t *testing.T) {
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/healthz", r.URL.Path)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(sick.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, tt := range map[string]struct{ listen, says string }{
		"says so":    {sick.Listener.Addr().String(), "500 Internal Server Error"},
		"is gone":    {gone.Listener.Addr().String(), "connect"},
		"no address": {"nowhere", "LISTEN_ADDR"},
	} {
		t.Run(name, func(t *testing.T) {
			said, code := checkHealth(tt.listen)
			assert.Equal(t, ExitSick, code)
			assert.Contains(t, said, tt.says)
		})
	}
}

// A program that stands still accepts connections and says nothing: the kernel
// does the former for it.
func TestHealthDoesNotWaitForAProgramThatStandsStill(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	begun := time.Now()
	said, code := checkHealth(l.Addr().String())
	assert.Equal(t, ExitSick, code)
	assert.Contains(t, said, "deadline exceeded")
	assert.Less(t, time.Since(begun), 2*healthPatience)
}
