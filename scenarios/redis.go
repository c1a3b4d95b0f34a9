package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/traffic"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// RedisCut takes the locks away. Without them nobody can promise a seat, so
// EventFlow must stop selling, say so at once, and go on showing the hall.
func RedisCut() lab.Scenario {
	return lab.Scenario{
		Name: "redis-cut",
		Claim: lab.Text{
			EN: "Without Redis no purchase is accepted and no seat is locked, each refusal is quick and honest, and seat maps come from the database.",
			ES: "Sin Redis no se acepta ninguna compra ni se retiene ningún asiento, cada negativa es rápida y honesta, y los mapas de asientos salen de la base de datos.",
		},
		Sale:   crowd(5),
		Phases: around(lab.Phase{Name: "cut", For: seconds(9), Faults: []fault.Fault{fault.Cut("redis")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				never("a purchase accepted without locks", "cut", history.Purchase, accepted(), 5),
				atLeast(1, "locks are refused at once, and honestly", "cut", history.Lock, honestly(), time.Second, 30),
				fast("cut", history.Seats, ok200()),
				// A node shows a map it has just drawn for up to 100 ms more: those reads
				// still say "cache", rightly.
				atLeast(0.95, "seat maps come from the database", "cut", history.Seats, fromSource("database"), 300*time.Millisecond, warmReads),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Lock, 2, 3, 10), back(history.Purchase, 2, 3, 10)},
			Witnesses: []invariant.Witness{
				bit("cut"),
				count("locks refused while Redis was gone", "cut", history.Lock, honestly(), 30),
				count("reads answered by the database", "cut", history.Seats, fromSource("database"), 500),
			},
		},
	}
}

// RedisHangs leaves connections open and answers nothing: worse than a cut, for
// everything that waits for it without a limit of its own.
func RedisHangs() lab.Scenario {
	return lab.Scenario{
		Name: "redis-hangs",
		Claim: lab.Text{
			EN: "When Redis falls silent, nobody waits for it for long: no purchase is accepted, locks are refused within a second, and seat maps come from the database.",
			ES: "Cuando Redis enmudece, nadie lo espera mucho: no se acepta ninguna compra, las reservas se rechazan en menos de un segundo y los mapas de asientos salen de la base de datos.",
		},
		Sale:   slowly(quieter(10)),
		Phases: around(lab.Phase{Name: "silent", For: seconds(6), Faults: []fault.Fault{fault.Hang("redis")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				never("a purchase accepted without locks", "silent", history.Purchase, accepted(), 3),
				atLeast(0.98, "locks are refused within a second, and honestly", "silent", history.Lock, honestly(), time.Second, 30),
				// A map from a moment ago is shown after 150 ms; the rest is for a busy machine.
				atLeast(0.99, "warm reads", "silent", history.Seats, ok200(), 500*time.Millisecond, 400),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Lock, 2, 3, 10), back(history.Purchase, 2, 3, 10)},
			Witnesses: []invariant.Witness{
				bit("silent"),
				count("locks refused while Redis was silent", "silent", history.Lock, honestly(), 30),
				count("maps drawn from the database", "silent", history.Seats, fromSource("database"), 50),
			},
		},
	}
}

// LockReplyLost makes a quarter of the answers come after the node has given up:
// WATCH and the look at the seats cost a refusal, but an EXEC without its answer
// has taken the seats, and the node cannot know. A third node is whole, so that
// whoever asks again learns at once what became of the first request.
func LockReplyLost() lab.Scenario {
	sale := quieter(11)
	sale.Buyers, sale.HotShare, sale.Seats = 25, 0, 1600 // who asks again must not meet a crowd
	return lab.Scenario{
		Name: "lock-reply-lost",
		Claim: lab.Text{
			EN: "When Redis locks seats and its answer is lost, the node says that it does not know, and the same request, repeated, gets these very seats.",
			ES: "Cuando Redis reserva asientos y su respuesta se pierde, el nodo dice que no lo sabe, y la misma petición, repetida, obtiene esos mismos asientos.",
		},
		Sale: sale,
		Gate: true,
		Phases: around(lab.Phase{Name: "lost", For: seconds(7), Faults: []fault.Fault{
			fault.Slow(160*time.Millisecond, 80*time.Millisecond, "app-1_redis", "app-2_redis"),
		}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				by(atLeast(0.99, "app-3 answers locks", "lost", history.Lock, served(201, 409), time.Second, 30), "app-3"),
				repeated(by(atLeast(0.8, "who asks again at app-3 gets the seats", "lost", history.Lock, served(201), time.Second, 5), "app-3")),
				quick("lost", ok200()),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Lock, 2, 3, 10), back(history.Purchase, 2, 3, 10)},
			Witnesses: []invariant.Witness{
				bit("lost"),
				count("locks whose outcome the node did not know", "lost", history.Lock, unknown(), 8),
				count("locks that a repeated request got", "lost", history.Lock, invariant.Match{Code: []int{201}, MinAttempt: 1}, 8),
				{Name: "holds that were compared", Measure: invariant.CountHolds, Phase: "lost", Min: 50},
			},
		},
	}
}

// RedisForgets empties Redis while purchases wait in the queue that the ledger has
// not seen yet. Nobody may be given their seats: the shop stays shut until the
// queue is drained and the sold seats are marked again.
func RedisForgets() lab.Scenario {
	backlog := fault.Cut("consumer_rabbitmq")
	return lab.Scenario{
		Name: "redis-forgets",
		Claim: lab.Text{
			EN: "When Redis loses its memory nothing is locked or sold until the queue is drained and the sold seats are marked again: no accepted purchase loses its seats.",
			ES: "Cuando Redis pierde la memoria no se reserva ni se vende nada hasta que la cola está vacía y los asientos vendidos vuelven a estar marcados: ninguna compra aceptada pierde sus asientos.",
		},
		Sale: slowly(quieter(12)),
		Gate: true,
		Phases: []lab.Phase{
			{Name: "baseline", For: seconds(2)},
			{Name: "backlog", For: seconds(2.5), Faults: []fault.Fault{backlog}},
			{Name: "forgotten", For: seconds(4), Faults: []fault.Fault{backlog}, Processes: []stack.ProcessFault{stack.Wipe(topology.RedisDB)}},
			{Name: "recovered", For: seconds(6.5)},
		},
		Spec: invariant.Spec{
			Amnesia: []string{string(stack.KindWipe)},
			Bounds: []invariant.Bound{
				atLeast(0.98, "purchases are accepted and queued", "backlog", history.Purchase, accepted(), time.Second, 10),
				never("a purchase accepted without memory", "forgotten", history.Purchase, accepted(), 3),
				never("seats locked without memory", "forgotten", history.Lock, served(201), 10),
				atLeast(0.98, "locks are refused at once, and honestly", "forgotten", history.Lock, honestly(), time.Second, 20),
				quick("forgotten", ok200()),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Lock, 6, 6, 10)},
			Witnesses: []invariant.Witness{
				bit("backlog"), bit("forgotten"),
				{Name: "purchases in the queue while Redis was empty", Measure: invariant.SampleMax, Phase: "forgotten", Series: "queue_total", Min: 10},
				count("buyers whose lock was forgotten", "", history.Purchase, invariant.Match{Problem: []string{"no_lock"}}, 3),
				count("locks refused while Redis knew nothing", "forgotten", history.Lock, honestly(), 20),
			},
		},
	}
}

// RedisSlow makes each answer late, some by more than a node's patience: what is
// not atomic comes apart when its steps lie a fifth of a second apart.
func RedisSlow() lab.Scenario {
	return lab.Scenario{
		Name: "redis-slow",
		Claim: lab.Text{
			EN: "When every answer of Redis is late, locks take longer and no seat is held by two buyers, and seat maps do not wait for it.",
			ES: "Cuando cada respuesta de Redis llega tarde, reservar tarda más, ningún asiento lo retienen dos compradores y los mapas de asientos no la esperan.",
		},
		Sale:   quieter(13),
		Phases: around(lab.Phase{Name: "slow", For: seconds(8), Faults: []fault.Fault{fault.Slow(130*time.Millisecond, 80*time.Millisecond, "redis")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.5, "locks are answered", "slow", history.Lock, served(201, 409), 1500*time.Millisecond, 50),
				atLeast(0.99, "seat maps are shown", "slow", history.Seats, ok200(), time.Second, 500),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Lock, 2, 3, 10), back(history.Purchase, 2, 3, 10)},
			Witnesses: []invariant.Witness{
				bit("slow"),
				count("locks given while Redis was slow", "slow", history.Lock, served(201), 20),
				count("locks refused because the seat was taken", "slow", history.Lock, served(409), 5),
				{Name: "holds that were compared", Measure: invariant.CountHolds, Phase: "slow", Min: 20},
			},
		},
	}
}

// slowly makes buyers think for longer, so that many hold seats when something
// breaks.
func slowly(s traffic.Sale) traffic.Sale {
	s.Think = 600 * time.Millisecond
	return s
}

// quick is fast for a sale with few readers.
func quick(phase string, want invariant.Match) invariant.Bound {
	return atLeast(0.995, "warm reads", phase, history.Seats, want, 300*time.Millisecond, 400)
}

// repeated narrows a bound to requests that were sent again.
func repeated(b invariant.Bound) invariant.Bound {
	b.Among.MinAttempt = 1
	return b
}

// unknown is a 503 that says that nobody knows.
func unknown() invariant.Match {
	return invariant.Match{Code: []int{503}, Claim: []string{history.ClaimUnknown}}
}
