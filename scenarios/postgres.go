package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/stack"
	"eventflow/scenarios/tamper"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
)

// PostgresCut takes the single point of failure away in the middle of a sale.
// EventFlow goes on selling by promise: reads come from the cache with their age,
// purchases are queued, and every promise is kept when the database returns.
func PostgresCut() lab.Scenario {
	sale := crowd(2)
	sale.Cold = 10
	return lab.Scenario{
		Name: "postgres-cut", Gate: true,
		Claim: lab.Text{
			EN: "Without PostgreSQL seat maps still come from the cache, purchases are accepted and queued, and after it returns each is in the ledger exactly once.",
			ES: "Sin PostgreSQL los mapas de asientos siguen saliendo de la caché, las compras se aceptan y quedan en cola, y cuando vuelve cada una está en el libro exactamente una vez.",
		},
		Sale:   sale,
		Phases: around(lab.Phase{Name: "cut", For: seconds(8.4), Faults: []fault.Fault{fault.Cut("postgres")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				fast("cut", history.Seats, fromSource("cache")),
				atLeast(0.99, "purchases are accepted and queued", "cut", history.Purchase, accepted(), time.Second, 50),
				atLeast(1, "accounts are refused at once, and honestly", "cut", history.Register, honestly(), 500*time.Millisecond, 10),
				atLeast(0.99, "what no cache has seen is refused at once", "cut", history.Cold, invariant.Match{Code: []int{503}}, 500*time.Millisecond, 40),
				atLeast(0.99, "guests get in", "cut", history.Enter, ok200(), time.Second, 50),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Register, 2, 3, 5), back(history.Purchase, 1, 2, 10)},
			Stale:    promisedSeatsShow(),
			Retries:  patience(),
			Examine:  []string{invariant.Conservation, invariant.LockLinear, invariant.LockLiveness, invariant.NoBypass, invariant.NoLeak},
			Witnesses: []invariant.Witness{
				bit("cut"),
				count("purchases accepted while the database was gone", "cut", history.Purchase, accepted(), 50),
				{Name: "purchases waiting in the queue", Measure: invariant.SampleRise, Phase: "cut", Series: "queue_total", Min: 30},
				conflicts(10),
			},
		},
	}
}

// PostgresHangs pulls the cable: connections stay open and nothing comes. What has
// no deadline of its own waits for ever now, and takes a node's places with it.
func PostgresHangs() lab.Scenario {
	sale := quieter(11)
	sale.Cold = 10
	return lab.Scenario{
		Name: "postgres-hangs", Gate: true,
		Claim: lab.Text{
			EN: "When PostgreSQL falls silent nobody waits for it: every node goes on showing seat maps and accepting purchases, and accounts are refused within half a second.",
			ES: "Cuando PostgreSQL enmudece nadie lo espera: cada nodo sigue mostrando mapas de asientos y aceptando compras, y las cuentas nuevas se rechazan en medio segundo.",
		},
		Sale:   sale,
		Phases: around(lab.Phase{Name: "silent", For: seconds(6.5), Faults: []fault.Fault{fault.Hang("postgres")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				warm("silent", fromSource("cache")),
				by(nodeShows("silent"), "app-1"),
				by(nodeShows("silent"), "app-2"),
				by(nodeShows("silent"), "app-3"),
				atLeast(0.99, "purchases are accepted and queued", "silent", history.Purchase, accepted(), time.Second, 40),
				atLeast(0.9, "accounts are refused within half a second, and honestly", "silent", history.Register, honestly(), 500*time.Millisecond, 10),
				atLeast(0.95, "what no cache has seen is refused within a read's time", "silent", history.Cold, invariant.Match{Code: []int{503}}, 900*time.Millisecond, 40),
			},
			NoHang:    noHang(),
			Recovery:  []invariant.RecoveryBound{back(history.Register, 2, 4, 5), back(history.Purchase, 1, 2, 10)},
			Stale:     promisedSeatsShow(),
			Isolation: []invariant.Isolated{readsWaitOnce("silent")},
			Retries:   patience(),
			Witnesses: []invariant.Witness{
				bit("silent"),
				count("purchases accepted while the database was silent", "silent", history.Purchase, accepted(), 40),
				{Name: "purchases waiting in the queue", Measure: invariant.SampleRise, Phase: "silent", Series: "queue_total", Min: 30},
				{Name: "reads of the database that were not answered", Measure: invariant.SampleRise, Phase: "silent", Series: "cache_stale", Min: 5},
			},
		},
	}
}

// PostgresSlow makes every answer of the database late by more than anybody's
// patience: worse than none, if pools and handlers wait for it. Then its tables
// are locked: it answers at once, except about what sells.
func PostgresSlow() lab.Scenario {
	return lab.Scenario{
		Name: "postgres-slow",
		Claim: lab.Text{
			EN: "When PostgreSQL is seconds late, or its ledger is locked, cached reads stay fast, purchases are queued, and nobody waits longer than the ladder allows.",
			ES: "Cuando PostgreSQL llega con segundos de retraso, o su libro está bloqueado, las lecturas en caché siguen rápidas, las compras quedan en cola y nadie espera más de lo que permite la escalera de plazos.",
		},
		Sale: crowd(3),
		Phases: around(
			lab.Phase{Name: "slow", For: seconds(6), Faults: []fault.Fault{fault.Slow(3*time.Second, time.Second, "postgres")}},
			lab.Phase{Name: "whole", For: seconds(2)},
			lab.Phase{Name: "locked", For: seconds(5), Tampers: []tamper.Tamper{{Kind: tamper.LockTable}}},
		),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				warm("slow", fromSource("cache")),
				atLeast(0.99, "purchases are accepted and queued", "slow", history.Purchase, accepted(), time.Second, 40),
				never("an account that was asked for in vain and exists", "slow", history.Register, invariant.Match{Code: []int{201}}, 10),
				warm("locked", fromSource("cache")),
				atLeast(0.99, "purchases are accepted behind the lock", "locked", history.Purchase, accepted(), time.Second, 30),
				atLeast(0.95, "accounts do not wait for the ledger", "locked", history.Register, served(201), 1500*time.Millisecond, 8),
			},
			NoHang:    noHang(),
			Recovery:  []invariant.RecoveryBound{back(history.Register, 2, 4, 5), back(history.Purchase, 1, 2, 10)},
			Isolation: []invariant.Isolated{readsWaitOnce("slow"), readsWaitOnce("locked")},
			Retries:   patience(),
			Witnesses: []invariant.Witness{
				bit("slow"), bit("locked"),
				count("purchases accepted while the database was slow", "slow", history.Purchase, accepted(), 40),
				count("accounts that had to be refused", "slow", history.Register, invariant.Match{Code: []int{503}}, 8),
				{Name: "purchases waiting behind the lock", Measure: invariant.SampleRise, Phase: "locked", Series: "queue_total", Min: 20},
			},
		},
	}
}

// PostgresLoseReplies lets the consumer's statements commit and loses the word
// that they did: whoever believes the timeout writes the purchase again.
func PostgresLoseReplies() lab.Scenario {
	lost := func(name string) lab.Phase {
		return lab.Phase{Name: name, For: seconds(3), Faults: []fault.Fault{fault.LoseReplies("postgres")}}
	}
	return lab.Scenario{
		Name: "postgres-lose-replies", Gate: true,
		Claim: lab.Text{
			EN: "When PostgreSQL commits and the answer is lost, purchases are written again without effect: each is in the ledger exactly once.",
			ES: "Cuando PostgreSQL confirma y la respuesta se pierde, las compras se escriben otra vez sin efecto: cada una está en el libro exactamente una vez.",
		},
		Sale:   quieter(4),
		Needs:  inBatches(),
		Phases: around(lost("lost"), lab.Phase{Name: "found", For: seconds(1)}, lost("lost again")),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				warm("lost again", fromSource("cache")),
				atLeast(0.99, "purchases are accepted and queued", "lost", history.Purchase, accepted(), time.Second, 20),
				atLeast(0.99, "purchases are accepted and queued again", "lost again", history.Purchase, accepted(), time.Second, 20),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Register, 2, 4, 5), back(history.Purchase, 1, 2, 10)},
			Witnesses: []invariant.Witness{
				bit("lost"), bit("lost again"),
				// Who is asked again and has the row already has committed without being told.
				{Name: "purchases that the ledger was asked to write twice", Measure: invariant.SampleRise, Series: "consumer_duplicates", Min: 5},
				count("purchases accepted meanwhile", "lost", history.Purchase, accepted(), 20),
			},
		},
	}
}

// CommitArrivesLate delivers the consumer's statements after it has given them up
// and while it is trying again: two writers of one purchase, and the first wins.
func CommitArrivesLate() lab.Scenario {
	late := func(name string) lab.Phase {
		return lab.Phase{Name: name, For: seconds(3), Faults: []fault.Fault{fault.Late(1500*time.Millisecond, "consumer_postgres")}}
	}
	return lab.Scenario{
		Name: "commit-arrives-late",
		Claim: lab.Text{
			EN: "When a purchase commits after the consumer has given it up, the second try finds it written: it is in the ledger exactly once.",
			ES: "Cuando una compra se confirma después de que el consumidor la diera por perdida, el segundo intento la encuentra escrita: está en el libro exactamente una vez.",
		},
		Sale:   quieter(12),
		Needs:  inBatches(),
		Phases: around(late("late"), lab.Phase{Name: "on time", For: seconds(1.5)}, late("late again")),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "purchases are accepted", "late", history.Purchase, accepted(), time.Second, 20),
				atLeast(0.99, "purchases are accepted again", "late again", history.Purchase, accepted(), time.Second, 20),
				warm("late", ok200()),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 1, 2, 10)},
			Witnesses: []invariant.Witness{
				bit("late"), bit("late again"),
				{Name: "purchases found written although they were given up", Measure: invariant.SampleRise, Series: "consumer_duplicates", Min: 4},
				{Name: "purchases waiting in the queue", Measure: invariant.SampleRise, Phase: "late again", Series: "queue_total", Min: 10},
			},
		},
	}
}

// PostgresKilled ends the database three times as a power cut would: what it has
// called committed must be there when it has read its log.
func PostgresKilled() lab.Scenario {
	dead := func(name string) lab.Phase {
		return lab.Phase{Name: name, For: seconds(2.5), Processes: []stack.ProcessFault{stack.Kill(topology.PostgresDB)}}
	}
	alive := func(name string) lab.Phase { return lab.Phase{Name: name, For: seconds(1.5)} }
	return lab.Scenario{
		Name: "postgres-killed",
		Claim: lab.Text{
			EN: "When PostgreSQL is killed again and again under load, it comes back with every purchase that it had confirmed, and the rest is written once.",
			ES: "Cuando PostgreSQL muere una y otra vez bajo carga, vuelve con cada compra que había confirmado, y el resto se escribe una sola vez.",
		},
		Sale:   quieter(13),
		Phases: around(dead("killed"), alive("back"), dead("killed again"), alive("back again"), dead("killed a third time")),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				warm("killed", fromSource("cache")),
				atLeast(0.99, "purchases are accepted while it is dead", "killed again", history.Purchase, accepted(), time.Second, 15),
				atLeast(0.99, "purchases are accepted until the end", "killed a third time", history.Purchase, accepted(), time.Second, 15),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Register, 2, 4, 5), back(history.Purchase, 1, 2, 10)},
			Retries:  patience(),
			Witnesses: []invariant.Witness{
				{Name: "times that it was killed", Measure: invariant.CountFaults, Fault: string(stack.KindKill), Min: 3},
				{Name: "purchases waiting while it was dead", Measure: invariant.SampleRise, Phase: "killed again", Series: "queue_total", Min: 10},
				count("purchases accepted while it was dead", "killed a third time", history.Purchase, accepted(), 15),
				{Name: "purchases written between two deaths", Measure: invariant.SampleRise, Phase: "back", Series: "ledger_rows", Min: 10},
				{Name: "purchases written after the second death", Measure: invariant.SampleRise, Phase: "back again", Series: "ledger_rows", Min: 10},
			},
		},
	}
}

// PurchaseOutlivesHold keeps accepted purchases waiting for six lives of a hold,
// while everybody wants their seats: a seat that was promised must not lapse.
func PurchaseOutlivesHold() lab.Scenario {
	sale := quieter(14)
	sale.Seats, sale.Buyers, sale.Readers, sale.Registers = 60, 25, 60, 2
	return lab.Scenario{
		Name: "purchase-outlives-hold", Gate: true,
		Claim: lab.Text{
			EN: "A seat whose purchase was accepted stays its buyer's for as long as the database is gone, however short the life of a hold and however many want it.",
			ES: "Un asiento cuya compra fue aceptada sigue siendo de su comprador mientras falte la base de datos, por corta que sea la vida de una reserva y por muchos que lo quieran.",
		},
		Sale:  sale,
		Needs: shortHolds(),
		// The doors open without a database: every seat is promised in the first
		// seconds, and wanted for the rest of the phase.
		Phases: []lab.Phase{
			{Name: "cut", For: seconds(12), Faults: []fault.Fault{fault.Cut("postgres")}},
			{Name: "recovered", For: seconds(3.2)},
		},
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "purchases are accepted and queued", "cut", history.Purchase, accepted(), time.Second, 10),
				atLeast(0.99, "who comes late is told so", "cut", history.Lock, served(201, 409), time.Second, 40),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Register, 2, 3, 3)},
			Stale:    promisedSeatsShow(),
			Examine:  []string{invariant.LockLinear, invariant.LockLiveness},
			Witnesses: []invariant.Witness{
				bit("cut"),
				{Name: "milliseconds without a database, of which a hold lives 2000", Measure: invariant.FaultMillis, Phase: "cut", Min: 10_000},
				{Name: "purchases under way at once", Measure: invariant.SampleMax, Phase: "cut", Series: "purchasing", Min: 15},
				// 40 of them in the first three seconds, before a hold could have lapsed.
				count("seats refused because they were promised", "cut", history.Lock, served(409), 80),
			},
		},
	}
}

// promisedSeatsShow is that a seat map shows no seat as free that was promised a
// second ago, with or without a database: that is what Redis knows.
func promisedSeatsShow() *invariant.Stale { return &invariant.Stale{Seats: seconds(1)} }

// patience is the shop's own traffic in trouble: nginx repeats few reads, and no
// program dials a store that does not answer in a loop.
func patience() *invariant.Retries { return &invariant.Retries{MaxRatio: 1.5, MaxConnects: 30} }

// readsWaitOnce is that a reader of the cache waits for a database in trouble as
// long as for one refresh at most: 150 ms.
func readsWaitOnce(phase string) invariant.Isolated {
	return invariant.Isolated{Kind: history.Seats, Phase: phase, Floor: invariant.Duration(170 * time.Millisecond), MinOps: 150}
}

// warm promises a warm read in a phase of a few seconds: 99.5 % within 300 ms.
func warm(phase string, want invariant.Match) invariant.Bound {
	return atLeast(0.995, "warm reads", phase, history.Seats, want, 300*time.Millisecond, 300)
}

// nodeShows is that every node, one by one, goes on showing the hall.
func nodeShows(phase string) invariant.Bound {
	return atLeast(0.99, "the node goes on showing the hall", phase, history.Seats, ok200(), 300*time.Millisecond, 100)
}

// inBatches makes the consumer wait until several purchases have come together:
// what hits one of a batch must not hit its neighbours.
func inBatches() lab.Needs {
	return lab.Needs{Env: map[topology.Name]map[string]string{topology.Consumer: {"BATCH_WAIT": "400ms"}}}
}

// shortHolds gives holds the life of a buyer who is not quick.
func shortHolds() lab.Needs {
	return lab.Needs{Env: map[topology.Name]map[string]string{"": {"LOCK_TTL": "2s"}}}
}
