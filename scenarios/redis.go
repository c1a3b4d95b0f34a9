package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/toxiproxy/fault"
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

// App2LosesRedis breaks one link of one node: its siblings must not suffer, and
// the node itself must refuse rather than guess.
func App2LosesRedis() lab.Scenario {
	return lab.Scenario{
		Name: "app2-loses-redis",
		Claim: lab.Text{
			EN: "When one node loses Redis, only that node refuses locks, honestly and at once; the others sell, and every node still shows the hall.",
			ES: "Cuando un nodo pierde Redis, solo ese nodo rechaza reservas, con honestidad y al momento; los demás venden y todos siguen mostrando la sala.",
		},
		Sale:   crowd(7),
		Phases: around(lab.Phase{Name: "cut", For: seconds(9), Faults: []fault.Fault{fault.Cut("app-2_redis")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				by(atLeast(0.99, "the other nodes lock", "cut", history.Lock, served(201, 409), time.Second, 30), "app-1", "app-3"),
				by(atLeast(0.99, "the other nodes sell", "cut", history.Purchase, accepted(), time.Second, 30), "app-1", "app-3"),
				by(atLeast(1, "app-2 refuses locks at once, and honestly", "cut", history.Lock, honestly(), time.Second, 10), "app-2"),
				atLeast(0.999, "every node shows the hall", "cut", history.Seats, ok200(), 300*time.Millisecond, warmReads),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Lock, 1, 3, 10)},
			Witnesses: []invariant.Witness{
				bit("cut"),
				count("locks that app-2 refused", "cut", history.Lock, invariant.Match{Code: []int{503}, Node: []string{"app-2"}}, 10),
				count("purchases that the others accepted", "cut", history.Purchase, accepted(), 30),
			},
		},
	}
}

// by narrows a bound to the ops that these nodes answered.
func by(b invariant.Bound, nodes ...string) invariant.Bound {
	b.Among = invariant.Match{Node: nodes}
	return b
}
