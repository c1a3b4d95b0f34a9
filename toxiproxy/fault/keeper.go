package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// ErrLeaseLost says that the lease ended before its owner wanted, and its faults
// with it.
var ErrLeaseLost = errors.New("lease lost: its faults are healed")

// ErrClosed says that the injector was closed.
var ErrClosed = errors.New("the injector is closed")

// keeper opens an injector's lease when it is first needed, and renews it.
type keeper struct {
	api   *server
	owner string
	ttl   time.Duration
	lost  chan error

	mu     sync.Mutex
	kept   *keptLease // nil: none
	closed bool
}

// keptLease is a lease that is being renewed.
type keptLease struct {
	id, boot string
	stop     context.CancelFunc
	ended    chan struct{} // closed when it is renewed no more
}

func newKeeper(api *server, owner string, ttl time.Duration) *keeper {
	return &keeper{api: api, owner: owner, ttl: ttl, lost: make(chan error, 1)}
}

// id is that of the lease, opened if there is none.
func (k *keeper) id(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		return "", ErrClosed
	case k.kept != nil:
		return k.kept.id, nil
	}
	l, err := k.api.openLease(ctx, k.owner, k.ttl)
	if err != nil {
		return "", err
	}
	boot, err := k.api.boot(ctx)
	if err != nil {
		return "", err // the lease lapses by itself
	}
	life, stop := context.WithCancel(context.Background())
	k.kept = &keptLease{id: l.ID, boot: boot, stop: stop, ended: make(chan struct{})}
	go k.renew(life, k.kept)
	return l.ID, nil
}

// current is the lease's id, "" if there is none.
func (k *keeper) current() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil {
		return ""
	}
	return k.kept.id
}

// renewals is how many chances a lease has to be renewed before it lapses.
const renewals = 3

// renew is the heartbeat.
func (k *keeper) renew(ctx context.Context, l *keptLease) {
	defer close(l.ended)
	every := k.ttl / renewals
	tick := time.NewTicker(every)
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		begun := time.Now()
		err := k.api.renewLease(ctx, l.id, every)
		switch {
		case err == nil:
			renewed = begun
		case ctx.Err() != nil:
			return
		case isGone(err):
			k.lose(l, k.why(ctx, l))
			return
		case errors.Is(err, ErrServerDown): // leases live in its memory
			k.lose(l, err)
			return
		case time.Since(renewed) > k.ttl:
			k.lose(l, fmt.Errorf("not renewed for %s: %w", time.Since(renewed).Round(time.Millisecond), err))
			return
		}
	}
}

// why tells a lease that lapsed from a server that knows it no more.
func (k *keeper) why(ctx context.Context, l *keptLease) error {
	boot, err := k.api.boot(ctx)
	switch {
	case err != nil:
		return err
	case boot != l.boot:
		return errors.New("the proxy server was restarted")
	}
	return fmt.Errorf("it lapsed, or somebody ended it: this process did not renew it within %s", k.ttl)
}

// lose forgets the lease, so that the next fault opens another, and says so once.
func (k *keeper) lose(l *keptLease, why error) {
	k.mu.Lock()
	if k.kept == l {
		k.kept = nil
	}
	k.mu.Unlock()
	select {
	case k.lost <- fmt.Errorf("%w: %w", ErrLeaseLost, why):
	default: // nobody has heard of the one before
	}
}

// drop stops renewing without a word, and returns the lease's id, "" if there was
// none: it is to end, or has ended with the server.
func (k *keeper) drop(forGood bool) string {
	k.mu.Lock()
	l := k.kept
	k.kept, k.closed = nil, k.closed || forGood
	k.mu.Unlock()
	if l == nil {
		return ""
	}
	l.stop()
	<-l.ended
	return l.id
}

// isGone says that the server knows no such lease.
func isGone(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.status == http.StatusGone
}

func leasePath(id string) string { return "/leases/" + url.PathEscape(id) }

func (s *server) openLease(ctx context.Context, owner string, ttl time.Duration) (LeaseInfo, error) {
	var l LeaseInfo
	err := s.call(ctx, http.MethodPost, "/leases", map[string]string{"owner": owner, "ttl": ttl.String()}, &l)
	if isMissing(err) {
		err = fmt.Errorf("this server has no leases; it is %w", ErrStock)
	}
	return l, err
}

// renewLease gives up in time for the next try.
func (s *server) renewLease(ctx context.Context, id string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return s.call(ctx, http.MethodPost, leasePath(id)+"/renew", nil, nil)
}

func (s *server) endLease(ctx context.Context, id string) error {
	err := s.call(ctx, http.MethodDelete, leasePath(id), nil, nil)
	if isGone(err) {
		return nil
	}
	return err
}

// boot names the server's life.
func (s *server) boot(ctx context.Context) (string, error) {
	page, err := s.events(ctx, 1<<62)
	return page.Boot, err
}

func eventsPath(since uint64) string { return "/events?since=" + strconv.FormatUint(since, 10) }
