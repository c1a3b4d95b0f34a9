package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/spf13/cobra"

	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack"
	"eventflow/toxiproxy/selftest"
	"eventflow/toxiproxy/topology"
)

func selftestCommand() *cobra.Command {
	var f stackFlags
	var asJSON bool
	c := &cobra.Command{
		Use: "selftest faults", Short: "prove that every fault is felt as documented, and not without it",
		Long: "selftest plays each fault on proxies of its own before the stack's real servers, on a new connection and on a pooled one, " +
			"and compares what a client feels with what is documented.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] != "faults" {
				return usage("lab selftest tests one thing so far: `lab selftest faults`")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := f.settle(c); err != nil {
				return err
			}
			out := newPrinter(c)
			bench, err := f.open(c.Context(), lab.Needs{}, out)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, bench.close(c.Context())) }()
			return testFaults(c, bench.endpoints, asJSON, out)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&asJSON, "json", false, "the table as JSON")
	return c
}

func testFaults(c *cobra.Command, e stack.Endpoints, asJSON bool, out *printer) error {
	servers, err := serversOf(e)
	if err != nil {
		return err
	}
	done := 0
	table, err := selftest.Run(c.Context(), selftest.Config{Toxiproxy: e.Toxiproxy, Servers: servers}, func(r selftest.Result) {
		done++
		out.move(fmt.Sprintf("self-test: %d done, last %s, %s, %s connection", done, r.Fault, r.Protocol, r.Connection))
	})
	out.endProgress()
	if err != nil && farProxies(e) {
		return environment(fmt.Errorf("%w\n%s", err, besideTheProxies))
	}
	if err != nil {
		return environment(err)
	}
	if asJSON {
		if err := writeJSON(c, table); err != nil {
			return err
		}
	} else if err := table.WriteText(c.OutOrStdout()); err != nil {
		return err
	}
	if failures := table.Failures(); len(failures) > 0 {
		return &codedError{exitBroken, fmt.Errorf("%d of %d are not as documented", len(failures), len(table.Results))}
	}
	return nil
}

// besideTheProxies is how a proxy server in a container is tested.
const besideTheProxies = "The self-test makes links of its own on this host's loopback, and this proxy server runs elsewhere. " +
	"--stack native tests the same program; the one in a container is tested from beside it:\n" +
	"  docker run --rm --network container:eventflow-toxiproxy-1 -e LAB_TOXIPROXY=http://127.0.0.1:8474 -e ... eventflow/lab:dev selftest faults\n" +
	"with the other LAB_ variables of the service lab in " + composeFile

// farProxies says that the proxy server reaches its upstreams by other names than
// this host would: it is in a container, or on another machine.
func farProxies(e stack.Endpoints) bool {
	for _, p := range e.Proxies {
		if host, _, err := net.SplitHostPort(p.Upstream); err == nil && host != "localhost" && !net.ParseIP(host).IsLoopback() {
			return true
		}
	}
	return false
}

// serversOf is one real server of the stack per protocol, round the proxies.
func serversOf(e stack.Endpoints) (map[topology.Protocol]string, error) {
	shop, err := url.Parse(e.Shop)
	if err != nil {
		return nil, fmt.Errorf("shop's address: %w", err)
	}
	servers := map[topology.Protocol]string{topology.HTTP: shop.Host, topology.Redis: e.RedisAddr}
	for _, p := range e.Proxies {
		l, ok := topology.EventFlow().Link(p.Name)
		if !ok {
			continue
		}
		if to, _ := topology.EventFlow().Service(l.To); to.Protocol == topology.AMQP || to.Protocol == topology.Postgres {
			servers[to.Protocol] = p.Upstream
		}
	}
	return servers, nil
}
