package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/toxiproxy/fault"
)

// PostgresCut takes the single point of failure away in the middle of a sale.
// EventFlow goes on selling by promise: reads come from the cache with their age,
// purchases are queued, and every promise is kept when the database returns.
func PostgresCut() lab.Scenario {
	return lab.Scenario{
		Name: "postgres-cut",
		Claim: lab.Text{
			EN: "Without PostgreSQL seat maps still come from the cache, purchases are accepted and queued, and after it returns each is in the ledger exactly once.",
			ES: "Sin PostgreSQL los mapas de asientos siguen saliendo de la caché, las compras se aceptan y quedan en cola, y cuando vuelve cada una está en el libro exactamente una vez.",
		},
		Sale:   crowd(2),
		Phases: around(lab.Phase{Name: "cut", For: seconds(9), Faults: []fault.Fault{fault.Cut("postgres")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				fast("cut", history.Seats, fromSource("cache")),
				atLeast(0.99, "purchases are accepted and queued", "cut", history.Purchase, accepted(), time.Second, 50),
				atLeast(1, "accounts are refused at once, and honestly", "cut", history.Register, honestly(), 500*time.Millisecond, 10),
				atLeast(0.99, "guests get in", "cut", history.Enter, ok200(), time.Second, 50),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Register, 2, 3, 5), back(history.Purchase, 1, 2, 10)},
			Witnesses: []invariant.Witness{
				bit("cut"),
				count("purchases accepted while the database was gone", "cut", history.Purchase, accepted(), 50),
				{Name: "purchases waiting in the queue", Measure: invariant.SampleRise, Phase: "cut", Series: "queue_total", Min: 30},
				conflicts(10),
			},
		},
	}
}

// PostgresSlow makes every answer of the database late by more than anybody's
// patience: worse than none, if pools and handlers wait for it.
func PostgresSlow() lab.Scenario {
	return lab.Scenario{
		Name: "postgres-slow",
		Claim: lab.Text{
			EN: "When every answer of PostgreSQL is seconds late, cached reads stay fast, purchases are queued, and nobody waits longer than the ladder allows.",
			ES: "Cuando cada respuesta de PostgreSQL llega con segundos de retraso, las lecturas en caché siguen rápidas, las compras quedan en cola y nadie espera más de lo que permite la escalera de plazos.",
		},
		Sale:   crowd(3),
		Phases: around(lab.Phase{Name: "slow", For: seconds(9), Faults: []fault.Fault{fault.Slow(3*time.Second, time.Second, "postgres")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				fast("slow", history.Seats, fromSource("cache")),
				atLeast(0.99, "purchases are accepted and queued", "slow", history.Purchase, accepted(), time.Second, 50),
				never("an account that was asked for in vain and exists", "slow", history.Register, invariant.Match{Code: []int{201}}, 10),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Register, 2, 4, 5), back(history.Purchase, 1, 2, 10)},
			Witnesses: []invariant.Witness{
				bit("slow"),
				count("purchases accepted while the database was slow", "slow", history.Purchase, accepted(), 50),
				count("accounts that had to be refused", "slow", history.Register, invariant.Match{Code: []int{503}}, 10),
			},
		},
	}
}

// PostgresLoseReplies lets the consumer's statements commit and loses the word
// that they did: whoever believes the timeout writes the purchase again.
func PostgresLoseReplies() lab.Scenario {
	return lab.Scenario{
		Name: "postgres-lose-replies",
		Claim: lab.Text{
			EN: "When PostgreSQL commits and the answer is lost, purchases are written again without effect: each is in the ledger exactly once.",
			ES: "Cuando PostgreSQL confirma y la respuesta se pierde, las compras se escriben otra vez sin efecto: cada una está en el libro exactamente una vez.",
		},
		Sale:   crowd(4),
		Phases: around(lab.Phase{Name: "lost", For: seconds(9), Faults: []fault.Fault{fault.LoseReplies("postgres")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				fast("lost", history.Seats, fromSource("cache")),
				atLeast(0.99, "purchases are accepted and queued", "lost", history.Purchase, accepted(), time.Second, 50),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Register, 2, 4, 5), back(history.Purchase, 1, 2, 10)},
			Witnesses: []invariant.Witness{
				bit("lost"),
				// Who is asked again and has the row already has committed without being told.
				{Name: "purchases that the ledger was asked to write twice", Measure: invariant.SampleRise, Series: "consumer_duplicates", Min: 1},
				count("purchases accepted meanwhile", "lost", history.Purchase, accepted(), 50),
			},
		},
	}
}
