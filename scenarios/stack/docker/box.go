package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/topology"
)

// box is one service's container. A wipe puts another one in its place.
type box struct {
	id        string
	container testcontainers.Container
	life      *life // the present one or the last; never nil
	wiping    bool  // its data is gone, and not all of what it begins with is there
}

// life is one life of a container, from its start to its end.
type life struct {
	done     chan struct{}
	once     sync.Once
	err      error       // how it ended; read after done
	expected atomic.Bool // somebody asked for its end
	paused   atomic.Bool
	alarmed  atomic.Bool // the broker was told that its memory is full; it forgets that when it dies
	starved  atomic.Bool // the kernel found no memory for it
	begun    time.Time
	owners   atomic.Pointer[[]int] // see Owners; nil: not asked yet
}

func newLife() *life { return &life{done: make(chan struct{}), begun: time.Now()} }

// unborn is the life of a container that was never started.
func unborn() *life {
	l := newLife()
	l.expected.Store(true)
	l.end(errors.New("never started"))
	return l
}

// end notes how the life ended, and says whether that was news.
func (l *life) end(how error) (first bool) {
	l.once.Do(func() {
		l.err, first = how, true
		l.paused.Store(false)
		l.alarmed.Store(false)
		close(l.done)
	})
	return first
}

// gone says whether this life is over.
func (l *life) gone() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// labels are on everything that the engine keeps for this stack. The first tells it
// from every other; the others make `docker compose -p NAME` know it.
func (s *Stack) labels(more map[string]string) map[string]string {
	labels := map[string]string{labelStack: s.id, "com.docker.compose.project": s.project()}
	maps.Copy(labels, more)
	return labels
}

const labelStack = "eventflow.stack"

// create makes the service's container, with what it keeps, and does not start it.
func (s *Stack) create(ctx context.Context, u *unit) error {
	if err := s.createVolumes(ctx, u); err != nil {
		return err
	}
	made, err := s.provider.CreateContainer(ctx, s.request(u))
	if err != nil {
		return fmt.Errorf("create container: %w", err) // what was made of it has the stack's label: Down finds it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errDown
	}
	wiping := s.boxes[u.name] != nil && s.boxes[u.name].wiping
	s.boxes[u.name] = &box{id: made.GetContainerID(), container: made, life: unborn(), wiping: wiping}
	return nil
}

func (s *Stack) createVolumes(ctx context.Context, u *unit) error {
	for _, v := range u.volumes {
		v.Labels = s.labels(v.Labels)
		testcontainers.AddGenericLabels(v.Labels) // for the reaper
		if _, err := s.engine.VolumeCreate(ctx, v); err != nil {
			return fmt.Errorf("create volume %s: %w", v.Name, err)
		}
	}
	return nil
}

// request is the service as testcontainers wants to be asked for it.
func (s *Stack) request(u *unit) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Image: u.config.Image,
		Name:  s.project() + "-" + string(u.name),
		Labels: s.labels(map[string]string{
			"com.docker.compose.service": string(u.name), "com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False",
		}),
		ExposedPorts: exposed(u.config.ExposedPorts),
		ConfigModifier: func(c *container.Config) {
			labels := c.Labels
			*c = u.config
			c.Labels = maps.Clone(u.config.Labels)
			maps.Copy(c.Labels, labels)
		},
		HostConfigModifier: func(h *container.HostConfig) { *h = u.host },
		EndpointSettingsModifier: func(e map[string]*network.EndpointSettings) {
			for name, settings := range u.endpoints {
				e[name] = settings.Copy()
			}
		},
	}
}

func exposed(ports network.PortSet) []string {
	var all []string
	for p := range ports {
		all = append(all, p.String())
	}
	return all
}

// start begins a life of the service and waits until the question is answered, or
// the life ends.
func (s *Stack) start(ctx context.Context, u *unit, question func(context.Context) error) error {
	b, err := s.box(u.name)
	if err != nil {
		return err
	}
	l, err := s.adopt(b)
	if err != nil {
		return err
	}
	if _, err := s.engine.ContainerStart(ctx, b.id, client.ContainerStartOptions{}); err != nil {
		l.expected.Store(true)
		l.end(err)
		return fmt.Errorf("start container: %w%s", err, s.lastWords(u.name))
	}
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	go s.watch(ctx, l, give)
	if err := stack.Until(ctx, poll, question); err != nil {
		return fmt.Errorf("not ready: %w%s", err, s.lastWords(u.name))
	}
	return nil
}

// adopt begins a life before the engine does: a container may end before its start
// has returned.
func (s *Stack) adopt(b *box) (*life, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errDown
	}
	b.life = newLife()
	return b.life, nil
}

// watch ends the wait for a service that has died, or had its time.
func (s *Stack) watch(ctx context.Context, l *life, give context.CancelCauseFunc) {
	late, stop := context.WithTimeout(ctx, s.cfg.ReadyTimeout)
	defer stop()
	select {
	case <-late.Done():
		give(fmt.Errorf("no answer within %v: %w", s.cfg.ReadyTimeout, context.Cause(late)))
	case <-l.done:
		give(fmt.Errorf("it ended: %w", l.err))
	}
}

// kill ends the container's life as a crash would and returns when it is gone, with
// its published ports, which the engine takes back one by one: the proxy server, with
// 18 of them on three networks, takes 2 s, and 9 s were seen on a crowded machine. A
// paused one the engine lets go on first, with the signal pending: it does nothing more.
func (s *Stack) kill(ctx context.Context, b *box) error {
	b.life.expected.Store(true)
	if b.life.gone() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), burial)
	defer cancel()
	_, err := s.engine.ContainerKill(ctx, b.id, client.ContainerKillOptions{Signal: "SIGKILL"})
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) { // it ended by itself: its end is on its way to us
		err = nil
	}
	if err != nil {
		return fmt.Errorf("kill container: %w", err)
	}
	select {
	case <-b.life.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("container %.12s does not die: %s", b.id, s.engineSays(context.WithoutCancel(ctx), b))
	}
}

// remove takes the container away, and keeps what it has written.
func (s *Stack) remove(ctx context.Context, u *unit, b *box) error {
	if err := s.keepLog(ctx, u.name, b); err != nil {
		return err
	}
	if err := b.container.Terminate(ctx, testcontainers.StopContext(ctx), testcontainers.StopTimeout(0)); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove container: %w", err)
	}
	for _, v := range u.volumes {
		if _, err := s.engine.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("remove volume %s: %w", v.Name, err)
		}
	}
	return nil
}

// box finds a service's container.
func (s *Stack) box(n topology.Name) (*box, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.boxes[n]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("no service %q runs in this stack", n)
}

// Logs is what the service has written, in all its lives, also in containers that
// are gone.
func (s *Stack) Logs(ctx context.Context, service topology.Name) (io.ReadCloser, error) {
	if _, ok := s.topo.Service(service); !ok {
		return nil, fmt.Errorf("no service is called %q", service)
	}
	b, err := s.box(service)
	if err != nil {
		return nil, err
	}
	now, err := b.container.Logs(ctx)
	if err != nil {
		return nil, fmt.Errorf("logs of %s: %w", service, err)
	}
	before, err := os.Open(s.logPath(service))
	if errors.Is(err, os.ErrNotExist) {
		return now, nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("logs of %s: %w", service, err), now.Close())
	}
	return both{io.MultiReader(before, now), before, now}, nil
}

// both reads one after the other and closes both.
type both struct {
	io.Reader
	before, now io.Closer
}

func (b both) Close() error { return errors.Join(b.before.Close(), b.now.Close()) }

func (s *Stack) logPath(n topology.Name) string { return s.path("log", string(n)+".log") }

// keepLog adds what a container has written, which goes with it, to what the service
// has written before.
func (s *Stack) keepLog(ctx context.Context, n topology.Name, b *box) error {
	log, err := b.container.Logs(ctx)
	if errdefs.IsNotFound(err) {
		return nil // it was kept when the container went
	}
	if err != nil {
		return fmt.Errorf("keep log: %w", err)
	}
	defer log.Close()
	file, err := os.OpenFile(s.logPath(n), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep log: %w", err)
	}
	_, err = io.Copy(file, log)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("keep log: %w", err)
	}
	return nil
}

// lastWords quotes the end of what the service has written.
func (s *Stack) lastWords(n topology.Name) string { return stack.Quote([]byte(s.tail(n))) }

// tail is the end of what the service's container has written; nothing when the engine
// does not say. The engine is asked for no more than is shown: a supervised service is
// started again only when its end has been reported.
func (s *Stack) tail(n topology.Name) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, err := s.box(n)
	if err != nil {
		return ""
	}
	log, err := s.engine.ContainerLogs(ctx, b.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "50"})
	if err != nil {
		return ""
	}
	defer log.Close()
	var text bytes.Buffer
	_, _ = stdcopy.StdCopy(&text, &text, log) // what came is all there is to show
	return stack.Tail(text.Bytes())
}
