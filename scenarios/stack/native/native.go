// Package native runs EventFlow as child processes of this one, from the
// operating system's own packages: no container engine, no root, no network but
// loopback.
//
// It starts PostgreSQL, Redis, RabbitMQ, nginx, Prometheus, the proxies and
// EventFlow's programs in one directory and one block of ports, says when each
// answers, and leaves nothing behind, however it ends. It must not know what the
// stack is used for: it breaks nothing, sells nothing and judges nothing.
package native

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/block"
	"eventflow/toxiproxy/topology"
)

const (
	host = block.Host
	// poll is how often a server is asked whether it answers: Redis takes 12 ms.
	poll = 10 * time.Millisecond
	// patience is for what takes milliseconds: an answer on loopback, the death
	// of a killed process.
	patience = 5 * time.Second
	// grace is how long EventFlow's programs may take to end in good order. They
	// finish their requests, whose own limit is 1.5 s.
	grace = 3 * time.Second
	// defaultReadyTimeout is for one service. RabbitMQ, the slowest, takes 1.3 s on
	// an idle machine, and 30 s were seen beside several compilers on two cores.
	defaultReadyTimeout = 60 * time.Second
)

// errDown: the stack is down, or on its way.
var errDown = errors.New("the stack is down")

// Config is what a stack is made of. The zero value is a whole EventFlow from the
// source tree around the working directory, on a free block of ports.
type Config struct {
	// Source is the root of the source tree; empty: found upwards from the working
	// directory.
	Source string
	// Bin is a folder with programs that are built already: app, auth, consumer,
	// toxiproxy. Those missing there are built from Source.
	Bin string
	// Base is the first port of the block; 0: the first free block.
	Base int
	// Public puts the services that people call by hand on their well-known ports.
	Public bool
	// Env is set for EventFlow's programs on top of what the stack tells them.
	Env map[string]string
	// ServiceEnv is set on top of Env, by program; "" stands for all of them.
	ServiceEnv map[topology.Name]map[string]string
	// Settings changes a server's configuration, by service and name: parameters of
	// PostgreSQL, lines of redis.conf, and, as Erlang terms, those of the broker's
	// application rabbit. They last as long as the stack, also over a wipe.
	Settings map[topology.Name]map[string]string
	// Edits change what is built and read from Source, for this stack alone.
	Edits []overlay.Edit
	// Mutant names the bug that Edits and Settings plant; empty: none.
	Mutant string
	// KeepDir leaves the directory, with its logs, when the stack goes down.
	KeepDir bool
	// Services names what to run; nil: every service of the map.
	Services []topology.Name
	// ReadyTimeout is how long one service may take to answer, once everything is
	// built; 0: 60 s.
	ReadyTimeout time.Duration
	// Progress is called for every step of every service on its way up, one call
	// at a time.
	Progress func(stack.Progress)
}

// Stack is one EventFlow made of child processes. It is used once: up, then down.
// In between its services may be killed, paused, restarted and wiped.
type Stack struct {
	cfg   Config
	topo  topology.Map
	exits chan stack.Exit

	life  sync.Mutex    // held by Up, Down and whatever changes a service in between: one of them at a time
	built chan struct{} // closed when the programs are in the stack's bin folder

	mu        sync.Mutex              // guards what follows
	ended     bool                    // Down was called
	abort     context.CancelCauseFunc // of what holds life; nil: Up was never called
	state     State
	processes map[topology.Name]*process
	wiping    map[topology.Name]bool // their data is gone, and not all of what they begin with is there

	// Set by Up before any service starts, and not changed afterwards.
	dir     string
	claim   *block.Claim
	tools   tools
	tree    overlay.Tree
	secrets stack.Secrets
	launch  launcher
	units   []unit
}

var (
	_ stack.Stack     = (*Stack)(nil)
	_ stack.Processes = (*Stack)(nil)
)

// New prepares a stack without touching the machine.
func New(cfg Config) *Stack {
	if cfg.ReadyTimeout == 0 {
		cfg.ReadyTimeout = defaultReadyTimeout
	}
	return &Stack{
		cfg: cfg, topo: topology.EventFlow(),
		exits:     make(chan stack.Exit, 64),
		built:     make(chan struct{}),
		processes: map[topology.Name]*process{},
		wiping:    map[topology.Name]bool{},
	}
}

// Endpoints says where the stack answers. They are known as soon as Up has chosen
// a block of ports.
func (s *Stack) Endpoints() stack.Endpoints {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.clone().Endpoints
}

// State is what stack.json says.
func (s *Stack) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.clone()
}

// Exited reports services that end without having been asked to, from their start
// until Down. It is never closed. When nobody reads, the 65th report is lost.
func (s *Stack) Exited() <-chan stack.Exit { return s.exits }

// Logs is what the service has written, in all its lives.
func (s *Stack) Logs(_ context.Context, service topology.Name) (io.ReadCloser, error) {
	if _, ok := s.topo.Service(service); !ok {
		return nil, fmt.Errorf("no service is called %q", service)
	}
	f, err := os.Open(s.logPath(service))
	if err != nil {
		return nil, fmt.Errorf("logs of %s: %w", service, err)
	}
	return f, nil
}

func (s *Stack) logPath(service topology.Name) string {
	return filepath.Join(s.dir, "log", string(service)+".log")
}

// wants says whether the service is to run at all.
func (s *Stack) wants(n topology.Name) bool {
	if s.cfg.Services == nil {
		return true
	}
	for _, w := range s.cfg.Services {
		if w == n {
			return true
		}
	}
	return false
}

// port is the service's main port, or that of its listener of that name.
func (s *Stack) port(n topology.Name, extra ...string) int {
	svc, _ := s.topo.Service(n)
	if len(extra) > 0 {
		return s.claim.Block.Extra(svc, extra[0])
	}
	return s.claim.Block.Of(svc)
}

func (s *Stack) addr(n topology.Name, extra ...string) string { return addr(s.port(n, extra...)) }

// linkAddr is where the link's client finds its proxy.
func (s *Stack) linkAddr(l topology.Link) string { return addr(s.claim.Block.Link(l)) }

// occupy takes what a stack has to itself: ports, directory, secrets, the thread
// that starts children. Whatever it has taken when it fails, Down gives back.
func (s *Stack) occupy(ctx context.Context) error {
	run := RunDir()
	if err := block.OpenRunDir(run); err != nil {
		return err
	}
	if err := Sweep(ctx); err != nil {
		return fmt.Errorf("clear what a dead lab left: %w", err)
	}
	c, err := block.Take(run, s.topo, s.cfg.Base, s.cfg.Public)
	if err != nil {
		return err
	}
	s.claim, s.dir = c, c.Dir()
	for _, d := range []string{s.dir, s.path("log"), s.path("bin")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return fmt.Errorf("make stack directory: %w", err)
		}
	}
	s.secrets = stack.NewSecrets()
	s.launch.starter = newStarter()
	s.launch.isolate = canIsolate(s.launch.starter)
	return s.register()
}

// register writes stack.json before the first child is started, so that none is
// ever without a note of whose it is.
func (s *Stack) register() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = State{
		ID: rand.Text(), Base: s.claim.Block.Base, Public: s.cfg.Public, Dir: s.dir, Started: time.Now(),
		Lab: processOf(os.Getpid()), Children: map[topology.Name]Process{},
		Endpoints: stack.At("native", host, s.topo, s.claim.Block, s.secrets),
	}
	s.state.Endpoints.QueueLag = stack.QueueLag
	s.state.Endpoints.Mutant = s.cfg.Mutant
	s.state.Endpoints.Proxies = s.proxies()
	s.launch.mark = s.state.variable()
	return s.state.save()
}

func addr(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

func (s *Stack) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}
