package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/toxiproxy/fault"
)

// RotatingDirections loses one direction of a few links at a time, another one
// every few seconds: what is obeyed and not answered here is not even heard there.
func RotatingDirections() lab.Scenario {
	turn := func(name string, faults ...fault.Fault) lab.Phase {
		return lab.Phase{Name: name, For: seconds(2), Faults: faults}
	}
	return lab.Scenario{
		Name: "rotating-directions",
		Claim: lab.Text{
			EN: "When now the requests and now the answers of single links are lost, no purchase is lost, doubled or sold twice, and everything works again soon after.",
			ES: "Cuando se pierden unas veces las peticiones y otras las respuestas de enlaces sueltos, ninguna compra se pierde, se repite ni se vende dos veces, y todo vuelve a funcionar enseguida.",
		},
		Sale: quieter(24),
		Phases: recovering(5.7,
			turn("first", fault.LoseReplies("app-1_redis", "consumer_postgres"), fault.LoseRequests("app-2_rabbitmq")),
			turn("second", fault.LoseRequests("app-1_redis", "consumer_rabbitmq"), fault.LoseReplies("app-2_rabbitmq")),
			turn("third", fault.LoseReplies("app-3_postgres", "consumer_redis", "consumer_rabbitmq"), fault.LoseRequests("consumer_postgres")),
		),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				shown("first"), shown("second"), shown("third"),
				by(atLeast(0.99, "the whole node locks", "first", history.Lock, served(201, 409), time.Second, 5), "app-3"),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Lock, 2, 3, 10), back(history.Purchase, 2, 5.5, 10), back(history.Register, 2, 3, 5)},
			Witnesses: []invariant.Witness{
				bits("first", 2), bits("second", 2), bits("third", 2),
				count("locks that were refused because a direction was lost", "", history.Lock, invariant.Match{Code: []int{503}}, 10),
				count("purchases whose confirm was lost", "", history.Purchase, invariant.Match{Claim: []string{history.ClaimUnknown}}, 1),
				{Name: "purchases that the broker delivered again", Measure: invariant.SampleRise, Series: "consumer_redelivered", Min: 1},
			},
		},
	}
}

// EverythingCut takes all three stores away at full load and gives them back one
// by one, in the order in which a crowd that waits hurts most.
func EverythingCut() lab.Scenario {
	sale := quieter(28)
	sale.Logins = 5
	// Somebody must hold seats when the stores go, or nobody tries to buy meanwhile.
	sale.HoldShare, sale.HoldFor = 0.5, 2*time.Second
	return lab.Scenario{
		Name: "everything-cut", Gate: true,
		Claim: lab.Text{
			EN: "Without any store nothing is promised, every refusal is quick and honest, guests still come in, and as the stores return one by one so does what needs them.",
			ES: "Sin ningún almacén no se promete nada, cada negativa es rápida y honesta, los invitados siguen entrando y, según vuelven los almacenes uno a uno, vuelve lo que depende de ellos.",
		},
		Sale: sale,
		// A node that has tried in vain for a while waits up to five seconds before it
		// tries the broker again.
		Phases: recovering(6.2,
			lab.Phase{Name: "nothing", For: seconds(3.5), Faults: []fault.Fault{fault.Cut("postgres", "redis", "rabbitmq")}},
			lab.Phase{Name: "only-postgres", For: seconds(1.5), Faults: []fault.Fault{fault.Cut("redis", "rabbitmq")}},
			lab.Phase{Name: "no-queue", For: seconds(1.5), Faults: []fault.Fault{fault.Cut("rabbitmq")}},
		),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				never("a purchase accepted without a store", "nothing", history.Purchase, accepted(), 5),
				never("a seat locked without a store", "nothing", history.Lock, served(201), 20),
				atLeast(1, "locks are refused at once, and honestly", "nothing", history.Lock, honestly(), time.Second, 20),
				atLeast(0.99, "maps are refused at once", "nothing", history.Seats, served(200, 503), time.Second, 300),
				atLeast(0.99, "guests get in", "nothing", history.Enter, ok200(), time.Second, 20),
				never("a purchase accepted without locks and queue", "only-postgres", history.Purchase, accepted(), 3),
				never("a purchase accepted without a queue", "no-queue", history.Purchase, accepted(), 3),
			},
			NoHang:  limits(history.Enter, history.Register, history.Events, history.Seats, history.Lock, history.Purchase, history.Status),
			Retries: &invariant.Retries{MaxRatio: 1.5, MaxConnects: 60},
			Examine: []string{invariant.NoLeak},
			Recovery: []invariant.RecoveryBound{
				back(history.Lock, 2, 3, 10), back(history.Purchase, 5.5, 6, 10), back(history.Register, 2, 3, 5), back(history.Seats, 1, 2, 50),
			},
			Witnesses: []invariant.Witness{
				bits("", 3),
				count("buyers who came while nothing worked", "nothing", history.Enter, invariant.Match{}, 20),
				count("seats that nobody could lock", "nothing", history.Lock, honestly(), 50),
				count("maps that PostgreSQL drew alone", "only-postgres", history.Seats, fromSource("database"), 20),
				count("seats locked without a queue", "no-queue", history.Lock, served(201), 5),
				count("purchases that a kept lock bought after all", "recovered", history.Purchase, invariant.Match{Code: []int{202}, MinAttempt: 1}, 5),
			},
		},
	}
}

// FlappingLinks cuts and mends links all the time: those of one store after the
// other, and in the end all. A shop that waits longer after each failure, or opens
// ever more connections, does not survive it.
func FlappingLinks() lab.Scenario {
	flap := func(name string, stores ...string) lab.Phase {
		return lab.Phase{Name: name, For: seconds(2.5), Faults: []fault.Fault{fault.Flap(600*time.Millisecond, stores...)}}
	}
	return lab.Scenario{
		Name: "flapping-links",
		Claim: lab.Text{
			EN: "When the links to a store are cut and mended several times a second, the hall is still shown, what does not need that store goes on, and nothing is lost, doubled or left over.",
			ES: "Cuando los enlaces con un almacén se cortan y se recuperan varias veces por segundo, la sala se sigue viendo, lo que no necesita ese almacén continúa y nada se pierde, se repite ni queda de más.",
		},
		Sale:   quieter(31),
		Phases: around(flap("redis", "redis"), breath("breath-1"), flap("postgres", "postgres"), breath("breath-2"), flap("all", "postgres", "redis", "rabbitmq")),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				shown("postgres"),
				shown("redis"),
				atLeast(0.99, "seats are locked", "postgres", history.Lock, served(201, 409), time.Second, 15),
				atLeast(0.98, "purchases are accepted and queued", "postgres", history.Purchase, accepted(), time.Second, 10),
				atLeast(0.98, "maps are shown or refused at once", "all", history.Seats, served(200, 503), time.Second, 200),
			},
			NoHang:   noHang(),
			Retries:  &invariant.Retries{MaxRatio: 1.5, MaxConnects: 60},
			Examine:  []string{invariant.NoLeak, invariant.NoBypass},
			Recovery: []invariant.RecoveryBound{back(history.Lock, 2, 3, 10), back(history.Purchase, 3, 4, 10), back(history.Register, 2, 3, 5)},
			Witnesses: []invariant.Witness{
				bits("", 3),
				count("locks that met a cut link to Redis", "redis", history.Lock, invariant.Match{Code: []int{503}}, 5),
				count("accounts that met a cut link to PostgreSQL", "postgres", history.Register, invariant.Match{Code: []int{503}}, 2),
				count("locks that met a cut link", "all", history.Lock, invariant.Match{Code: []int{503}}, 5),
			},
		},
	}
}

// CutInMidFrame ends connections in the middle of an answer: during the greeting
// with a small allowance, in the middle of the work with a larger one.
func CutInMidFrame() lab.Scenario {
	return lab.Scenario{
		Name: "cut-in-mid-frame",
		Claim: lab.Text{
			EN: "When connections to the stores break off in the middle of an answer, no half answer is taken for a whole one or for another's, and nothing is lost or doubled.",
			ES: "Cuando las conexiones con los almacenes se rompen a mitad de una respuesta, ninguna media respuesta se toma por entera ni por la de otro, y nada se pierde ni se repite.",
		},
		Sale: quieter(32),
		Phases: around(
			lab.Phase{Name: "greeting", For: seconds(3), Faults: []fault.Fault{fault.Truncate(137, "postgres", "redis", "rabbitmq")}},
			lab.Phase{Name: "working", For: seconds(5), Faults: []fault.Fault{fault.Truncate(60013, "postgres", "redis", "rabbitmq")}},
		),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "maps are shown or refused at once", "greeting", history.Seats, served(200, 503), time.Second, 200),
				atLeast(0.99, "maps are shown or refused at once", "working", history.Seats, served(200, 503), time.Second, 300),
			},
			NoHang:   noHang(),
			Retries:  &invariant.Retries{MaxRatio: 1.5, MaxConnects: 60},
			Examine:  []string{invariant.NoLeak, invariant.NoBypass},
			Recovery: []invariant.RecoveryBound{back(history.Lock, 2, 3, 10), back(history.Purchase, 3, 4, 10), back(history.Register, 2, 3, 5)},
			Witnesses: []invariant.Witness{
				bits("", 2),
				count("locks of unknown outcome", "", history.Lock, invariant.Match{Outcome: []history.Outcome{history.Unknown}}, 1),
				count("locks that got through", "working", history.Lock, served(201), 3),
			},
		},
	}
}

// TwoStoresCut takes the queue and the ledger away together and gives the queue
// back first: what was promised then waits for the ledger.
func TwoStoresCut() lab.Scenario {
	return lab.Scenario{
		Name: "two-stores-cut",
		Claim: lab.Text{
			EN: "Without RabbitMQ and PostgreSQL nothing is promised and the hall is still shown, and when RabbitMQ alone is back purchases are accepted and wait for PostgreSQL.",
			ES: "Sin RabbitMQ ni PostgreSQL no se promete nada y la sala se sigue viendo, y cuando solo vuelve RabbitMQ las compras se aceptan y esperan a PostgreSQL.",
		},
		Sale: quieter(35),
		Phases: around(
			lab.Phase{Name: "both", For: seconds(4), Faults: []fault.Fault{fault.Cut("rabbitmq", "postgres")}},
			lab.Phase{Name: "postgres", For: seconds(5), Faults: []fault.Fault{fault.Cut("postgres")}},
		),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				never("a purchase accepted without a queue", "both", history.Purchase, accepted(), 20),
				atLeast(0.98, "purchases are refused at once, and honestly", "both", history.Purchase, honestly(), time.Second, 20),
				atLeast(0.99, "seats can still be locked", "both", history.Lock, served(201, 409), time.Second, 20),
				atLeast(0.99, "the hall is shown as the cache knows it", "both", history.Seats, fromSource("cache"), time.Second, 150),
				atLeast(0.99, "the hall is shown as the cache knows it", "postgres", history.Seats, fromSource("cache"), time.Second, 150),
				atLeast(0.99, "seats can still be locked", "postgres", history.Lock, served(201, 409), time.Second, 20),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 2, 3, 10), back(history.Register, 2, 3, 5)},
			Witnesses: []invariant.Witness{
				bits("", 2),
				count("purchases refused while both were gone", "both", history.Purchase, honestly(), 20),
				count("purchases accepted while PostgreSQL alone was gone", "postgres", history.Purchase, accepted(), 15),
				{Name: "purchases waiting in the queue", Measure: invariant.SampleRise, Phase: "postgres", Series: "queue_total", Min: 10},
			},
		},
	}
}

// bits asks for n faults that were read back and felt, in one phase or, with no
// name, in all.
func bits(phase string, n int64) invariant.Witness {
	w := bit(phase)
	w.Min = n
	return w
}

// breath is a short calm between two faults, as long as EventFlow's longest breaker
// stays open: what follows is then the next fault's doing alone.
func breath(name string) lab.Phase { return lab.Phase{Name: name, For: seconds(1.3)} }

// shown promises the hall to whoever looks: 99 % of a few hundred reads, within a
// second. For scenarios that are about something else than speed.
func shown(phase string) invariant.Bound {
	return atLeast(0.99, "the hall is shown", phase, history.Seats, ok200(), time.Second, 150)
}
