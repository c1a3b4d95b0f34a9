// Package stack says what a running EventFlow is: how it is brought up and taken
// down, and where it answers.
//
// It must not know how one is made (that is native's and docker's business), nor
// what is going to be done to it: no fault, no sale, no testing.T.
package stack

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"eventflow/toxiproxy/topology"
)

// Stack is one EventFlow with everything it needs: servers, proxies, programs.
type Stack interface {
	// Up returns when every service answers in its own protocol and every
	// program of EventFlow calls all its dependencies reachable. When it returns
	// an error nothing is left running.
	Up(ctx context.Context) error
	// Down leaves no process, port or file behind. It may be called at any time
	// and any number of times, also when Up failed or never ran.
	Down(ctx context.Context) error
	// Endpoints says where the stack answers. Complete once Up has returned.
	Endpoints() Endpoints
	// Logs is what the service has written so far, from its first line; all its
	// lives, if it was restarted. The caller closes it.
	Logs(ctx context.Context, service topology.Name) (io.ReadCloser, error)
}

// Endpoints is where a stack answers, as data: another process can read it from
// a file. It holds passwords.
type Endpoints struct {
	Name       string `json:"name"`       // native, docker, running
	Shop       string `json:"shop"`       // base URL of nginx: what buyers see
	Toxiproxy  string `json:"toxiproxy"`  // base URL of the proxies' API
	Prometheus string `json:"prometheus"` // base URL

	// The observers' ways in, round the proxies: an observer behind a fault goes
	// blind together with what it observes.
	Observer      string                   `json:"observer"`   // PostgreSQL URL of a superuser
	RabbitAPI     string                   `json:"rabbit_api"` // management URL with user and password
	RedisAddr     string                   `json:"redis_addr"` // host:port
	RedisPassword string                   `json:"redis_password"`
	Health        map[topology.Name]string `json:"health"` // base URL of each EventFlow program

	Links map[string]string `json:"links"` // link's name -> host:port of its proxy
	// Proxies are what the proxy server was told at its start: whoever heals a link
	// can make its proxy anew.
	Proxies []topology.ProxyConfig `json:"proxies"`
	// AllowHost is the host of the proxies' API where that is not this one, and the
	// stack's owner has named it: links are broken on no other.
	AllowHost string `json:"allow_host,omitempty"`

	// Mutant names the bug that was planted in this EventFlow; empty: none that
	// anybody knows of.
	Mutant string `json:"mutant,omitempty"`

	// QueueLag is how old RabbitMQ's word on its queues may be; 0: not known. It
	// follows from the broker's quorum_tick_interval.
	QueueLag time.Duration `json:"queue_lag,omitempty"`
}

// Clone shares no map and no list with e.
func (e Endpoints) Clone() Endpoints {
	e.Health, e.Links, e.Proxies = maps.Clone(e.Health), maps.Clone(e.Links), slices.Clone(e.Proxies)
	return e
}

// State is how far a service has come.
type State string

// The states that a service passes through on its way up.
const (
	Preparing State = "preparing" // writing its files, initialising its data
	Starting  State = "starting"  // the process runs and does not answer yet
	Ready     State = "ready"     // it answers in its own protocol
	Failed    State = "failed"    // it will not come up
)

// Progress is one step of one service on its way up.
type Progress struct {
	Service topology.Name
	State   State
	Elapsed time.Duration // since Up began
	Err     error         // why, when State is Failed
}

// Exit is the end of a service that nobody asked to end. A drill that meets one
// blames the laboratory's machine, not EventFlow.
type Exit struct {
	Service topology.Name
	At      time.Time
	Err     error  // how it ended: "signal: killed", "exit status 1"
	Log     string // its last lines
}
