package topology

// The services of EventFlow and of the laboratory around it.
const (
	Nginx      Name = "nginx"
	App1       Name = "app-1"
	App2       Name = "app-2"
	App3       Name = "app-3"
	Auth       Name = "auth"
	Consumer   Name = "consumer"
	RedisDB    Name = "redis"
	RabbitMQ   Name = "rabbitmq"
	PostgresDB Name = "postgres"
	Toxiproxy  Name = "toxiproxy"
	Prometheus Name = "prometheus"
)

// EventFlow is THE map: nothing else in this repository states a port.
//
// Offsets 0-9 are for people and observers, 10-19 for stores, 20-29 for
// EventFlow's own programs, 40-59 for links.
func EventFlow() Map {
	return Map{
		Services: []Service{
			{Name: Nginx, Role: Edge, Protocol: HTTP, Port: 8888, Offset: 0, Public: 8888, Extra: []Port{{Name: "status", Port: 8889, Offset: 1}}},
			{Name: App1, Role: Node, Protocol: HTTP, Port: 8080, Offset: 20},
			{Name: App2, Role: Node, Protocol: HTTP, Port: 8080, Offset: 21},
			{Name: App3, Role: Node, Protocol: HTTP, Port: 8080, Offset: 22},
			{Name: Auth, Role: Node, Protocol: HTTP, Port: 8080, Offset: 23},
			{Name: Consumer, Role: Worker, Protocol: HTTP, Port: 8080, Offset: 24},
			{Name: RedisDB, Role: Store, Protocol: Redis, Port: 6379, Offset: 11},
			{Name: RabbitMQ, Role: Store, Protocol: AMQP, Port: 5672, Offset: 12, Extra: []Port{
				{Name: "management", Port: 15672, Offset: 13},
				{Name: "metrics", Port: 15692, Offset: 14},
				{Name: "distribution", Port: 25672, Offset: 15},
			}},
			{Name: PostgresDB, Role: Store, Protocol: Postgres, Port: 5432, Offset: 10},
			{Name: Toxiproxy, Role: Proxy, Protocol: HTTP, Port: 8474, Offset: 2, Public: 8474},
			{Name: Prometheus, Role: Observer, Protocol: HTTP, Port: 9090, Offset: 3, Public: 9090},
		},
		Links: []Link{
			{From: Nginx, To: App1, Offset: 40},
			{From: Nginx, To: App2, Offset: 41},
			{From: Nginx, To: App3, Offset: 42},
			{From: Nginx, To: Auth, Offset: 43},
			{From: App1, To: RedisDB, Offset: 44},
			{From: App1, To: RabbitMQ, Offset: 45},
			{From: App1, To: PostgresDB, Offset: 46},
			{From: App2, To: RedisDB, Offset: 47},
			{From: App2, To: RabbitMQ, Offset: 48},
			{From: App2, To: PostgresDB, Offset: 49},
			{From: App3, To: RedisDB, Offset: 50},
			{From: App3, To: RabbitMQ, Offset: 51},
			{From: App3, To: PostgresDB, Offset: 52},
			{From: Auth, To: PostgresDB, Offset: 53},
			{From: Consumer, To: RabbitMQ, Offset: 54},
			{From: Consumer, To: PostgresDB, Offset: 55},
			{From: Consumer, To: RedisDB, Offset: 56},
		},
	}
}

// DemoBase is the block of the stack that people start by hand: `make up`, and
// the ports of the links in docker-compose.yml.
const DemoBase = 21000
