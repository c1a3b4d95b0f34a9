// Package selftest proves that each kind of fault does to a client what the
// catalogue says, and that nothing of it is felt without the fault: on a new
// connection and on one from before, and in every protocol that a link can carry.
//
// It makes links of its own on a proxy server that runs already, to real servers,
// and takes them away again. It writes down what it felt at both ends of a link:
// as the client, and behind the proxy, where it sees what arrives.
//
// It must not know what the links are for, nor who starts the servers.
package selftest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// Config is what a self-test is run on.
type Config struct {
	// Toxiproxy is the base URL of the proxy server's API. It and its links must be
	// reachable on this host's loopback.
	Toxiproxy string
	// Servers are the real servers as host:port, by what they speak.
	Servers map[topology.Protocol]string
	// Faults are what is tested; nil is Catalogue.
	Faults []fault.Fault
	// Patience is how long nothing must come for it to be silence; 0 is DefaultPatience.
	Patience time.Duration
}

// DefaultPatience is many times what a round trip takes on a busy host.
const DefaultPatience = 500 * time.Millisecond

// Kinds of connection.
const (
	New    = "new"    // made while the fault is in force
	Pooled = "pooled" // from before the fault, idle since, with an exchange behind it
)

// Result is one cell of the table: a fault, a protocol, a kind of connection.
type Result struct {
	Fault      string            `json:"fault"`
	Protocol   topology.Protocol `json:"protocol"`
	Connection string            `json:"connection"`
	Without    string            `json:"without"` // what was felt before the fault
	With       string            `json:"with"`    // while it was in force
	After      string            `json:"after"`   // on the same connection, and on a new one, when it was healed
	Took       fault.Duration    `json:"took"`
	Reason     string            `json:"reason,omitempty"` // why it is not as documented
}

// OK says whether all was as documented.
func (r Result) OK() bool { return r.Reason == "" }

// Table is all results, in the order of the faults.
type Table struct {
	Server  string         `json:"server"`
	Took    fault.Duration `json:"took"`
	Results []Result       `json:"results"`
}

// Failures are the results that are not as documented.
func (t Table) Failures() []Result {
	var out []Result
	for _, r := range t.Results {
		if !r.OK() {
			out = append(out, r)
		}
	}
	return out
}

// Catalogue is every kind of fault, with settings that a test can wait for.
func Catalogue() []fault.Fault {
	const delay = 300 * time.Millisecond
	return []fault.Fault{
		fault.Cut("all"), fault.Hang("all"), fault.Hold("all"), fault.Hold("all").Only(fault.Up), fault.Hold("all").Only(fault.Down),
		fault.Slow(delay, 100*time.Millisecond, "all"), fault.LoseReplies("all"), fault.LoseRequests("all"), fault.Late(2*delay, "all"),
		fault.Reset("all"), fault.Trickle(1, "all"), fault.Truncate(5, "all"), fault.Flap(400*time.Millisecond, "all"),
	}
}

// leaseTTL is how long what a killed self-test leaves behind stays broken.
const leaseTTL = 10 * time.Second // many times what a busy host may stand still

// Run plays every fault on every server and returns what was felt. progress hears
// each result as it comes, one at a time.
//
// A fault that is not as documented is a failure in the table and no error. An error
// means that there is no table to trust: a server is not there, or the proxy server
// is stock Toxiproxy (fault.ErrStock) or does not answer (fault.ErrServerDown).
func Run(ctx context.Context, c Config, progress func(Result)) (table Table, err error) {
	begun := time.Now()
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.Faults == nil {
		c.Faults = Catalogue()
	}
	b, err := openBench(ctx, c)
	if err != nil {
		return Table{}, fmt.Errorf("self-test: %w", err)
	}
	defer func() { err = errors.Join(err, b.close()) }()
	table.Server = c.Toxiproxy
	for _, f := range c.Faults {
		results, err := b.play(ctx, f)
		if err != nil {
			return table, fmt.Errorf("self-test: %s: %w", f, err)
		}
		for _, r := range results {
			table.Results = append(table.Results, r)
			progress(r)
		}
	}
	table.Took = fault.Duration(time.Since(begun))
	return table, nil
}
