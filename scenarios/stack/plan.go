package stack

import (
	"fmt"
	"time"

	"eventflow/toxiproxy/topology"
)

// Database is the database that every stack creates and init.sql fills.
const Database = "eventflow"

// What every stack tells its broker. The watermark is absolute: a queue that fills
// up must not meet flow control because the machine is small.
const (
	QueueTick    = 250 * time.Millisecond // quorum_tick_interval: how often a quorum queue tells its totals
	QueueLag     = time.Second            // how old, at the most, the management API's word on them then is (measured: 0.3 s)
	BrokerMemory = 1 << 30                // vm_memory_high_watermark, in bytes
	BrokerDisk   = 50_000_000             // disk_free_limit, in bytes
)

// Program is one of EventFlow's own programs and the part it plays on the map.
type Program struct {
	Service topology.Name
	Binary  string // folder under system/cmd, and the name of what is built from it
	role    string // database role
}

// Programs are EventFlow's own programs: one per node or worker of the map.
func Programs() []Program {
	return []Program{
		{Service: topology.App1, Binary: "app", role: "eventflow_app"},
		{Service: topology.App2, Binary: "app", role: "eventflow_app"},
		{Service: topology.App3, Binary: "app", role: "eventflow_app"},
		{Service: topology.Auth, Binary: "auth", role: "eventflow_auth"},
		{Service: topology.Consumer, Binary: "consumer", role: "eventflow_consumer"},
	}
}

// Environment is what a program is told: its own name, where it listens, its
// secrets, and the address of its proxy for every link that leaves it. It learns
// no other address, so it cannot go round a proxy.
func (p Program) Environment(m topology.Map, listen string, addr func(topology.Link) string, s Secrets) map[string]string {
	env := map[string]string{"NODE": string(p.Service), "LISTEN_ADDR": listen}
	for _, l := range m.LinksFrom(p.Service) {
		env[l.Env()] = addr(l)
		for k, v := range p.credentials(l.To, s) {
			env[k] = v
		}
	}
	switch p.Binary {
	case "app":
		env["AUTH_PUBLIC_KEY"] = s.PublicKey()
	case "auth":
		env["AUTH_PRIVATE_KEY"] = s.privateKey()
	}
	return env
}

func (p Program) credentials(store topology.Name, s Secrets) map[string]string {
	switch store {
	case topology.PostgresDB:
		return map[string]string{"POSTGRES_USER": p.role, "POSTGRES_PASSWORD": s.rolePassword(p.role), "POSTGRES_DB": Database}
	case topology.RedisDB:
		return map[string]string{"REDIS_PASSWORD": s.Redis}
	case topology.RabbitMQ:
		return map[string]string{"RABBITMQ_USER": RabbitUser, "RABBITMQ_PASSWORD": s.Rabbit}
	}
	return nil
}

// At finds where the stack that listens by this block of ports on host answers.
func At(name, host string, m topology.Map, b topology.Block, s Secrets) Endpoints {
	port := func(n topology.Name) int { svc, _ := m.Service(n); return b.Of(svc) }
	url := func(n topology.Name) string { return fmt.Sprintf("http://%s:%d", host, port(n)) }
	rabbit, _ := m.Service(topology.RabbitMQ)
	e := Endpoints{
		Name: name, Shop: url(topology.Nginx), Toxiproxy: url(topology.Toxiproxy), Prometheus: url(topology.Prometheus),
		Observer:  fmt.Sprintf("postgres://postgres:%s@%s:%d/%s?sslmode=disable", s.Postgres, host, port(topology.PostgresDB), Database),
		RabbitAPI: fmt.Sprintf("http://%s:%s@%s:%d", RabbitUser, s.Rabbit, host, b.Extra(rabbit, "management")),
		RedisAddr: fmt.Sprintf("%s:%d", host, port(topology.RedisDB)), RedisPassword: s.Redis,
		Health: map[topology.Name]string{}, Links: map[string]string{},
	}
	for _, p := range Programs() {
		e.Health[p.Service] = url(p.Service)
	}
	for _, l := range m.Links {
		e.Links[l.Name()] = fmt.Sprintf("%s:%d", host, b.Link(l))
	}
	return e
}
