package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/overlay"
	"eventflow/scenarios/tamper"
	"eventflow/toxiproxy/fault"
)

// AckLost lets the broker deliver and swallows every acknowledgement: what was
// written comes again, all of it, as soon as the broker misses its consumer.
func AckLost() lab.Scenario {
	return lab.Scenario{
		Name: "ack-lost", Gate: true,
		Claim: lab.Text{
			EN: "When the consumer's acknowledgements are lost, every purchase is delivered again and none is written twice.",
			ES: "Cuando se pierden los acuses del consumidor, cada compra se entrega otra vez y ninguna se escribe dos veces.",
		},
		Sale:   quieter(21),
		Phases: around(lab.Phase{Name: "unheard", For: seconds(7), Faults: []fault.Fault{fault.LoseRequests("consumer_rabbitmq")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				warm("unheard", ok200()),
				atLeast(0.99, "purchases are accepted", "unheard", history.Purchase, accepted(), time.Second, 40),
				atLeast(0.99, "accounts are made", "unheard", history.Register, served(201), 1500*time.Millisecond, 10),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 1, 2, 10)},
			Witnesses: []invariant.Witness{
				bit("unheard"),
				{Name: "purchases written without the broker knowing", Measure: invariant.SampleRise, Phase: "unheard", Series: "ledger_rows", Min: 20},
				{Name: "purchases delivered again", Measure: invariant.SampleRise, Series: "consumer_redelivered", Min: 20},
				{Name: "purchases that the ledger had already", Measure: invariant.SampleRise, Series: "consumer_duplicates", Min: 20},
			},
		},
	}
}

// ConsumerLosesBroker cuts the consumer off while it holds what it has written and
// not yet acknowledged: its acknowledgements then speak of a session that is gone.
func ConsumerLosesBroker() lab.Scenario {
	cut := func(name string) lab.Phase {
		return lab.Phase{Name: name, For: seconds(1.5), Faults: []fault.Fault{fault.Cut("consumer_rabbitmq")}}
	}
	back := func(name string) lab.Phase { return lab.Phase{Name: name, For: seconds(2)} }
	return lab.Scenario{
		Name: "consumer-loses-broker",
		Claim: lab.Text{
			EN: "When the consumer loses the broker with purchases in hand, none of its late acknowledgements takes a stranger's message away, and each purchase is written once.",
			ES: "Cuando el consumidor pierde el broker con compras en la mano, ningún acuse tardío se lleva el mensaje de otro y cada compra se escribe una sola vez.",
		},
		Sale:   quieter(22),
		Needs:  lab.Needs{Edits: []overlay.Edit{holdCommitted}},
		Phases: around(cut("cut"), back("back"), cut("cut again"), back("back again"), cut("cut a third time")),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				warm("back", ok200()),
				atLeast(0.99, "purchases are accepted", "cut", history.Purchase, accepted(), time.Second, 10),
				atLeast(0.99, "purchases are accepted again", "cut again", history.Purchase, accepted(), time.Second, 10),
			},
			NoHang: noHang(),
			Witnesses: []invariant.Witness{
				{Name: "times that the link was cut", Measure: invariant.CountFaults, Min: 3},
				{Name: "purchases that were in hand and came again", Measure: invariant.SampleRise, Series: "consumer_redelivered", Min: 10},
				{Name: "purchases that had been written when the session ended", Measure: invariant.SampleRise, Series: "consumer_duplicates", Min: 5},
			},
		},
	}
}

// holdCommitted keeps every batch in hand for a second between its COMMIT and its
// acknowledgement, so that a cut finds one there.
var holdCommitted = overlay.Edit{
	File: "system/internal/queue/consumer.go",
	Old:  "\treturn c.acknowledge(in, batch, verdicts)\n",
	New:  "\ttime.Sleep(time.Second)\n\treturn c.acknowledge(in, batch, verdicts)\n",
}

// SamePurchaseManyTimes asks for one purchase five times at one moment, over all
// nodes, and has the broker deliver settled purchases again.
func SamePurchaseManyTimes() lab.Scenario {
	sale := quieter(23)
	sale.Buyers, sale.PressShare, sale.Readers = 18, 0.8, 60
	return lab.Scenario{
		Name: "same-purchase-many-times",
		Claim: lab.Text{
			EN: "Whoever presses \"buy\" five times at once is told five times the same, and however often a purchase arrives it is written once.",
			ES: "Quien pulsa «comprar» cinco veces a la vez recibe cinco veces la misma respuesta y, llegue las veces que llegue, una compra se escribe una sola vez.",
		},
		Sale:   sale,
		Phases: around(lab.Phase{Name: "repeated", For: seconds(7), Tampers: []tamper.Tamper{{Kind: tamper.Republish, Count: 5, Every: 200 * time.Millisecond}}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "every press is accepted", "repeated", history.Purchase, accepted(), time.Second, 200),
				atLeast(0.995, "seat maps", "repeated", history.Seats, ok200(), 300*time.Millisecond, 200),
			},
			NoHang: noHang(),
			Witnesses: []invariant.Witness{
				bit("repeated"),
				count("purchases that were asked for five times at once", "", history.Purchase, invariant.Match{Code: []int{202}, MinAttempt: 4}, 60),
				{Name: "deliveries of purchases that the ledger had already", Measure: invariant.SampleRise, Series: "consumer_duplicates", Min: 60},
			},
		},
	}
}
