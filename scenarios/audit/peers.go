package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/stack"

	"github.com/jackc/pgx/v5"
)

// The stores, as samples and peers name them.
const (
	postgresStore = "postgres"
	redisStore    = "redis"
	rabbitStore   = "rabbitmq"
)

// peersSettle is how long a connection that nobody proxied may take to go away: one
// that has just been closed may still be on a store's list. The broker makes its own
// every 5 s.
const peersSettle = 6 * time.Second

// peers are the connections of the stores, observers left out, each marked whether
// the proxy server is its other end. Nil where the proxy server does not tell: then
// nobody knows.
func (a *Auditor) peers(ctx context.Context) ([]history.Peer, error) {
	found, err := a.peersNow(ctx)
	if errors.Is(err, errSilent) {
		return nil, nil
	}
	if err == nil && !slices.ContainsFunc(found, bypass) {
		return found, nil
	}
	looking, cancel := context.WithTimeout(ctx, peersSettle)
	defer cancel()
	err = stack.Until(looking, pollEvery, func(ctx context.Context) error {
		now, err := a.peersNow(ctx)
		if err != nil {
			return err
		}
		if found = now; slices.ContainsFunc(found, bypass) {
			return errors.New("some did not come through a proxy")
		}
		return nil
	})
	if found == nil {
		return nil, fmt.Errorf("list who is connected: %w", err)
	}
	return found, nil
}

func bypass(p history.Peer) bool { return !p.Proxied }

// peersNow looks once. The proxy server is asked before and after: a connection
// that was opened or closed in between is on one of its two lists.
func (a *Auditor) peersNow(ctx context.Context) ([]history.Peer, error) {
	own, err := a.proxied(ctx)
	if err != nil {
		return nil, err
	}
	peers := []history.Peer{}
	for _, list := range []func(context.Context) ([]history.Peer, error){a.postgresPeers, a.redisPeers, a.rabbitPeers} {
		some, err := list(ctx)
		if err != nil {
			return nil, err
		}
		peers = append(peers, some...)
	}
	after, err := a.proxied(ctx)
	if err != nil {
		return nil, err
	}
	maps.Copy(own, after)
	for i := range peers {
		peers[i].Proxied = own[peers[i].Addr]
	}
	slices.SortFunc(peers, func(a, b history.Peer) int {
		return cmp.Or(cmp.Compare(a.Store, b.Store), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Addr, b.Addr))
	})
	return peers, nil
}

// notObserver leaves out the lab's own sessions and PostgreSQL's own processes.
const notObserver = `backend_type = 'client backend' and client_port is not null and application_name not like '` + observer + `%'`

func (a *Auditor) postgresPeers(ctx context.Context) ([]history.Peer, error) {
	rows, err := a.postgres.Query(ctx, `select coalesce(usename, ''), application_name, coalesce(host(client_addr), ''), client_port
		from pg_stat_activity where `+notObserver)
	if err != nil {
		return nil, fmt.Errorf("list sessions of postgres: %w", err)
	}
	peers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (history.Peer, error) {
		var role, application, host string
		var port int
		err := row.Scan(&role, &application, &host, &port)
		return history.Peer{Store: postgresStore, Client: strings.TrimSpace(role + " " + application), Addr: net.JoinHostPort(host, strconv.Itoa(port))}, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions of postgres: %w", err)
	}
	return peers, nil
}

// postgresConnections counts them.
func (a *Auditor) postgresConnections(ctx context.Context) (n int, err error) {
	err = a.postgres.QueryRow(ctx, `select count(*) from pg_stat_activity where `+notObserver).Scan(&n)
	return n, err
}

func (a *Auditor) redisPeers(ctx context.Context) ([]history.Peer, error) {
	text, err := a.redis.ClientList(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("list clients of redis: %w", err)
	}
	var peers []history.Peer
	for line := range strings.Lines(text) {
		told := map[string]string{}
		for _, field := range strings.Fields(line) {
			key, value, _ := strings.Cut(field, "=")
			told[key] = value
		}
		if addr := told["addr"]; addr != "" && !strings.HasPrefix(told["name"], observer) {
			peers = append(peers, history.Peer{Store: redisStore, Client: told["name"], Addr: addr})
		}
	}
	return peers, nil
}

// rabbitPeers are the broker's network connections. Others are its own plugins'.
func (a *Auditor) rabbitPeers(ctx context.Context) ([]history.Peer, error) {
	var all []struct {
		Type string `json:"type"`
		User string `json:"user"`
		Host string `json:"peer_host"`
		Port int    `json:"peer_port"`
		Name string `json:"user_provided_name"`
	}
	if err := a.broker(ctx, http.MethodGet, "/api/connections", "columns=type,user,peer_host,peer_port,user_provided_name", nil, &all); err != nil {
		return nil, fmt.Errorf("list connections of the broker: %w", err)
	}
	var peers []history.Peer
	for _, c := range all {
		if c.Type == "network" {
			peers = append(peers, history.Peer{Store: rabbitStore, Client: strings.TrimSpace(c.User + " " + c.Name), Addr: net.JoinHostPort(c.Host, strconv.Itoa(c.Port))})
		}
	}
	return peers, nil
}
