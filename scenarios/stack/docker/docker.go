// Package docker runs EventFlow as containers: what docker-compose.yml says, with
// networks, volumes, ports and secrets of this stack's own.
//
// The file that people start is the plan from which tests start: whatever of it
// this package does not understand is an error, never left out. It must not know
// what the stack is used for: it sells nothing and judges nothing.
package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"eventflow/scenarios/overlay"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/block"
	"eventflow/scenarios/stack/change"
	"eventflow/toxiproxy/topology"
)

const (
	// poll is how often a server that starts is asked whether it answers.
	poll = 25 * time.Millisecond
	// patience is for what takes milliseconds on an idle machine: an answer on
	// loopback, a word with the engine.
	patience = 15 * time.Second
	// burial is for a killed container to be gone. With each network that it leaves
	// the engine moves its published ports to the next: the proxies' 18 in three
	// networks took 4 s on a calm machine and 14 s on a busy one.
	burial = 4 * patience
	// grace is how long EventFlow's programs may take to end in good order. They
	// finish their requests, whose own limit is 1.5 s.
	grace = 3 * time.Second
	// defaultReadyTimeout is for one service. RabbitMQ, the slowest, takes 4 s on an
	// idle machine; 20 s were seen beside other people's compilers on two cores.
	defaultReadyTimeout = 90 * time.Second
)

// errDown: the stack is down, or on its way.
var errDown = errors.New("the stack is down")

// Config is what a stack is made of. The zero value is a whole EventFlow from the
// source tree around the working directory, on a free block of ports.
type Config struct {
	// Source is the root of the source tree, where docker-compose.yml lies; empty:
	// found upwards from the working directory.
	Source string
	// Base is the first port of the block; 0: the first free block.
	Base int
	// Env is set for EventFlow's programs on top of what the file tells them.
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
	// ReadyTimeout is how long one service may take to answer, once every image is
	// there; 0: 90 s.
	ReadyTimeout time.Duration
	// Progress is called for every step of every service on its way up, one call
	// at a time.
	Progress func(stack.Progress)
}

func (c Config) changes() change.Changes {
	return change.Changes{Env: c.Env, ServiceEnv: c.ServiceEnv, Settings: c.Settings, Edits: c.Edits}
}

// Stack is one EventFlow made of containers. It is used once: up, then down. In
// between its services may be killed, paused, restarted and wiped.
type Stack struct {
	cfg   Config
	topo  topology.Map
	id    string // on everything that the engine keeps for this stack
	exits chan stack.Exit

	life  sync.Mutex    // held by Up, Down and whatever changes a service in between: one of them at a time
	built chan struct{} // closed when every image is there

	mu        sync.Mutex              // guards what follows
	ended     bool                    // Down was called
	abort     context.CancelCauseFunc // of what holds life; nil: Up was never called
	endpoints stack.Endpoints
	boxes     map[topology.Name]*box // services that have a container, or had one

	// Set by Up before any service starts, and not changed afterwards.
	dir      string
	claim    *block.Claim
	engine   *testcontainers.DockerClient
	provider *testcontainers.DockerProvider
	tree     overlay.Tree
	secrets  stack.Secrets
	plan     plan
	units    []*unit
	networks []testcontainers.NetworkRequest
	deafen   func() // ends listening to the engine; nil: it never began
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
		cfg: cfg, topo: topology.EventFlow(), id: rand.Text(),
		exits: make(chan stack.Exit, 64),
		built: make(chan struct{}),
		boxes: map[topology.Name]*box{},
	}
}

// Endpoints says where the stack answers. They are known as soon as Up has chosen
// a block of ports.
func (s *Stack) Endpoints() stack.Endpoints {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints.Clone()
}

// Exited reports services that end without having been asked to, from their start
// until Down. It is never closed. When nobody reads, the 65th report is lost.
func (s *Stack) Exited() <-chan stack.Exit { return s.exits }

// project is the name under which people find this stack in the engine: `docker
// compose ls` lists it.
func (s *Stack) project() string { return fmt.Sprintf("eventflow-%d", s.claim.Block.Base) }

// occupy takes what a stack has to itself: ports, directory, secrets. Whatever it
// has taken when it fails, Down gives back.
func (s *Stack) occupy() error {
	run := block.RunDir()
	if err := block.OpenRunDir(run); err != nil {
		return err
	}
	if err := sweep(run); err != nil {
		return fmt.Errorf("clear what a dead lab left: %w", err)
	}
	c, err := block.Take(run, s.topo, s.cfg.Base, false)
	if err != nil {
		return err
	}
	s.claim, s.dir = c, c.Dir()+ours
	for _, d := range []string{s.dir, s.path("log"), s.path("bin"), s.path("source")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return fmt.Errorf("make stack directory: %w", err)
		}
	}
	s.secrets = stack.NewSecrets()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = stack.At("docker", block.Host, s.topo, c.Block, s.secrets)
	s.endpoints.QueueLag = stack.QueueLag
	s.endpoints.Mutant = s.cfg.Mutant
	s.endpoints.Proxies = s.topo.Containers(inside)
	return nil
}

// ours ends the name of a directory of containers' files; the one without belongs to
// processes.
const ours = "-docker"

// sweep removes the directories of dead laboratories. Their containers are the
// reaper's.
func sweep(run string) error {
	left, err := filepath.Glob(filepath.Join(run, "*"+ours))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range left {
		base, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(dir), ours))
		if err != nil {
			continue // nobody's of this name
		}
		c, err := block.Lock(run, base)
		if errors.Is(err, block.ErrLocked) {
			continue // alive
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.RemoveAll(dir), c.Release())
	}
	return errors.Join(errs...)
}

func (s *Stack) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// port is the host's port of the service's main listener, or of that of its
// listeners of that name.
func (s *Stack) port(n topology.Name, extra ...string) int {
	svc, _ := s.topo.Service(n)
	if len(extra) > 0 {
		return s.claim.Block.Extra(svc, extra[0])
	}
	return s.claim.Block.Of(svc)
}
