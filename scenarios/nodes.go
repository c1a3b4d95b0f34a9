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

// App2LosesRedis breaks one link of one node: its siblings must not suffer, and
// the node itself must refuse rather than guess.
func App2LosesRedis() lab.Scenario {
	return lab.Scenario{
		Name: "app2-loses-redis",
		Claim: lab.Text{
			EN: "When one node loses Redis, only that node refuses locks, honestly and at once; the others sell, and every node still shows the hall.",
			ES: "Cuando un nodo pierde Redis, solo ese nodo rechaza reservas, con honestidad y al momento; los demás venden y todos siguen mostrando la sala.",
		},
		Sale:   quieter(7),
		Phases: around(lab.Phase{Name: "cut", For: seconds(6), Faults: []fault.Fault{fault.Cut("app-2_redis")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				by(atLeast(0.99, "the other nodes lock", "cut", history.Lock, served(201, 409), time.Second, 30), "app-1", "app-3"),
				by(atLeast(0.99, "the other nodes sell", "cut", history.Purchase, accepted(), time.Second, 30), "app-1", "app-3"),
				by(atLeast(1, "app-2 refuses locks at once, and honestly", "cut", history.Lock, honestly(), time.Second, 10), "app-2"),
				shown("cut"),
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

// PartialPartition breaks another link of each of two nodes: no two nodes are in
// the same trouble, and the whole one must not catch either.
func PartialPartition() lab.Scenario {
	return lab.Scenario{
		Name: "partial-partition",
		Claim: lab.Text{
			EN: "When one node loses Redis and another RabbitMQ, each refuses only what needs its lost link, the third sells as ever, and every node shows the hall.",
			ES: "Cuando un nodo pierde Redis y otro RabbitMQ, cada uno rechaza solo lo que necesita el enlace perdido, el tercero vende como siempre y todos muestran la sala.",
		},
		Sale: quieter(23),
		Phases: recovering(5.7, lab.Phase{Name: "split", For: seconds(6), Faults: []fault.Fault{
			fault.Cut("app-2_redis"), fault.Cut("app-3_rabbitmq"),
		}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				by(atLeast(0.99, "the whole node locks", "split", history.Lock, served(201, 409), time.Second, 20), "app-1"),
				by(atLeast(0.98, "the whole node sells", "split", history.Purchase, accepted(), time.Second, 15), "app-1"),
				by(atLeast(1, "without Redis locks are refused at once, and honestly", "split", history.Lock, honestly(), time.Second, 10), "app-2"),
				by(atLeast(0.99, "without RabbitMQ seats are locked", "split", history.Lock, served(201, 409), time.Second, 10), "app-3"),
				by(atLeast(0.98, "without RabbitMQ purchases are refused at once, and honestly", "split", history.Purchase, honestly(), time.Second, 8), "app-3"),
				shown("split"),
			},
			NoHang:    noHang(),
			Isolation: []invariant.Isolated{untouched(history.Lock, "split", "app-1")},
			Recovery:  []invariant.RecoveryBound{back(history.Lock, 1, 3, 10), back(history.Purchase, 1, 5.5, 10)},
			Witnesses: []invariant.Witness{
				bits("split", 2),
				count("locks that app-2 refused", "split", history.Lock, invariant.Match{Code: []int{503}, Node: []string{"app-2"}}, 10),
				count("purchases that app-3 refused", "split", history.Purchase, invariant.Match{Code: []int{503}, Node: []string{"app-3"}}, 8),
				count("purchases that app-1 accepted", "split", history.Purchase, invariant.Match{Code: []int{202}, Node: []string{"app-1"}}, 15),
				conflicts(5),
				{Name: "holds that were compared", Measure: invariant.CountHolds, Phase: "split", Min: 20},
			},
		},
	}
}

// NodeKilled ends nodes with purchases in their hands, first one for good, then
// one after the other as a careless roll-out does. The broker's slow answers see
// to it that a purchase is under way when its node dies; the cut stands for the
// dead host, whose port refuses, since its proxy lives on.
func NodeKilled() lab.Scenario {
	dies := func(name string, node topology.Name, lasts float64, how stack.ProcessFault) lab.Phase {
		faults := []fault.Fault{fault.Slow(600*time.Millisecond, 0, string(node)+"_rabbitmq")}
		if how.Lasts() {
			faults = append(faults, fault.Cut("nginx_"+string(node)))
		}
		return lab.Phase{Name: name, For: seconds(lasts), Faults: faults, Processes: []stack.ProcessFault{how}}
	}
	return lab.Scenario{
		Name: "node-killed",
		Claim: lab.Text{
			EN: "When nodes die with purchases in their hands, no purchase is carried out twice or lost, the others serve everything, and no seat stays locked by a dead node.",
			ES: "Cuando mueren nodos con compras entre manos, ninguna compra se ejecuta dos veces ni se pierde, los demás lo sirven todo y ningún asiento queda retenido por un nodo muerto.",
		},
		Sale: busier(25),
		Phases: around(
			dies("dead", topology.App2, 4, stack.Kill(topology.App2)),
			dies("first-restart", topology.App1, 1, stack.Restart(topology.App1)),
			dies("second-restart", topology.App3, 1, stack.Restart(topology.App3)),
		),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				shown("dead"),
				atLeast(0.98, "seats are locked", "dead", history.Lock, served(201, 409), time.Second, 50),
				atLeast(0.98, "purchases are accepted", "dead", history.Purchase, accepted(), time.Second, 40),
				never("an answer of the dead node", "dead", history.Seats, invariant.Match{Node: []string{"app-2"}}, 300),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Lock, 1, 2, 10), back(history.Purchase, 1, 3, 10), back(history.Seats, 1, 2, 50)},
			Witnesses: []invariant.Witness{
				bits("", 6),
				count("requests that died with their node", "", history.Purchase, invariant.Match{Outcome: []history.Outcome{history.Unknown}}, 1),
				count("purchases that were asked for again", "", history.Purchase, invariant.Match{MinAttempt: 1}, 1),
				count("purchases accepted while a node was dead", "dead", history.Purchase, accepted(), 40),
			},
		},
	}
}

// AuthGone takes away the only holder of the private key: first dead, then so slow
// that it might as well be.
func AuthGone() lab.Scenario {
	sale := quieter(30)
	sale.OldTokens, sale.RegisterShare, sale.Logins = true, 0, 6
	return lab.Scenario{
		Name: "auth-gone",
		Claim: lab.Text{
			EN: "Without auth whoever has a token goes on buying as ever, and whoever asks for one is told at once that there is none to be had.",
			ES: "Sin auth quien tiene un token sigue comprando como siempre, y a quien pide uno se le dice al momento que no se puede.",
		},
		Sale: sale,
		Phases: around(
			lab.Phase{Name: "gone", For: seconds(4), Faults: []fault.Fault{fault.Cut("nginx_auth")}, Processes: []stack.ProcessFault{stack.Kill(topology.Auth)}},
			lab.Phase{Name: "slow", For: seconds(4), Faults: []fault.Fault{fault.Slow(3*time.Second, 0, "nginx_auth")}},
		),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "old tokens lock", "gone", history.Lock, served(201, 409), time.Second, 30),
				atLeast(0.99, "old tokens buy", "gone", history.Purchase, accepted(), time.Second, 30),
				atLeast(1, "logins are refused at once, and honestly", "gone", history.Login, unreachable(), 500*time.Millisecond, 10),
				atLeast(0.99, "old tokens lock", "slow", history.Lock, served(201, 409), time.Second, 20),
				atLeast(0.99, "old tokens buy", "slow", history.Purchase, accepted(), time.Second, 30),
				never("a login that came in time", "slow", history.Login, ok200(), 5),
				shown("gone"),
			},
			Isolation: []invariant.Isolated{untouched(history.Lock, "gone"), untouched(history.Lock, "slow")},
			NoHang:    limits(history.Login, history.Register, history.Events, history.Seats, history.Lock, history.Purchase, history.Status),
			Recovery:  []invariant.RecoveryBound{back(history.Login, 2, 3, 5), back(history.Register, 2, 3, 3)},
			Witnesses: []invariant.Witness{
				bits("", 3),
				count("purchases with an old token while auth was dead", "gone", history.Purchase, accepted(), 30),
				count("logins that found nobody", "gone", history.Login, unreachable(), 10),
				count("logins that waited in vain", "slow", history.Login, invariant.Match{Code: []int{504}}, 5),
			},
		},
	}
}

// untouched promises that the fault does not slow these ops down, but for what two
// busy cores do to a 99th percentile of a few dozen.
func untouched(kind history.Kind, phase string, nodes ...string) invariant.Isolated {
	return invariant.Isolated{Kind: kind, Among: invariant.Match{Node: nodes}, Phase: phase, Floor: seconds(0.3), MinOps: 5}
}

// unreachable is nginx's word that no byte of the request reached anybody.
func unreachable() invariant.Match {
	return invariant.Match{Code: []int{502}, Claim: []string{history.ClaimNone}}
}

// by narrows a bound to the ops that these nodes answered.
func by(b invariant.Bound, nodes ...string) invariant.Bound {
	b.Among = invariant.Match{Node: nodes}
	return b
}

// busier buys twice as much and reads less: for claims about what is under way in
// the one moment in which something dies.
func busier(seed uint64) traffic.Sale {
	sale := quieter(seed)
	sale.Buyers = 25
	return sale
}
