package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/overlay"
	"eventflow/scenarios/tamper"
	"eventflow/toxiproxy/fault"
	"eventflow/toxiproxy/topology"
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
		Phases: around(lab.Phase{Name: "unheard", For: seconds(6), Faults: []fault.Fault{fault.LoseRequests("consumer_rabbitmq")}}),
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
				{Name: "purchases delivered again", Measure: invariant.SampleRise, Series: "consumer_redelivered", Min: 30},
				{Name: "purchases that the ledger had already", Measure: invariant.SampleRise, Series: "consumer_duplicates", Min: 20},
			},
		},
	}
}

// ConsumerCrashes ends the consumer again and again, by turns between a statement
// and its COMMIT and between COMMIT and acknowledgement, while the database undoes
// every fourth transaction at its COMMIT.
func ConsumerCrashes() lab.Scenario {
	return lab.Scenario{
		Name: "consumer-crashes", Gate: true,
		Claim: lab.Text{
			EN: "Wherever the consumer dies, before a commit or between it and the acknowledgement, every purchase is written, and once.",
			ES: "Muera donde muera el consumidor, antes de confirmar o entre la confirmación y el acuse, cada compra se escribe, y una sola vez.",
		},
		Sale:       quieter(24),
		Needs:      lab.Needs{Edits: crashes()},
		Supervised: []topology.Name{topology.Consumer},
		Phases:     around(lab.Phase{Name: "crashing", For: seconds(7), Tampers: []tamper.Tamper{{Kind: tamper.CommitFails}}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				warm("crashing", ok200()),
				atLeast(0.99, "purchases are accepted", "crashing", history.Purchase, accepted(), time.Second, 40),
			},
			NoHang: noHang(),
			Witnesses: []invariant.Witness{
				{Name: "commits that were made to fail, all through the phase", Measure: invariant.CountFaults, Fault: string(tamper.CommitFails), Min: 1},
				{Name: "deaths, by turns before a COMMIT and after one", Measure: invariant.CountFaults, Fault: "crash", Min: 8},
				{Name: "purchases delivered again", Measure: invariant.SampleRise, Series: "consumer_redelivered", Min: 6},
				{Name: "purchases whose COMMIT outlived the consumer", Measure: invariant.SampleRise, Series: "consumer_duplicates", Min: 3},
			},
		},
	}
}

// crashes are the consumer's failpoints. A life ends at the first purchase after
// its fifth delivery that nobody was given before: so every life gets further than
// the last. The purchase's id, as good as a coin, says on which side of its COMMIT.
func crashes() []overlay.Edit {
	const settler, ledger = "system/internal/settle/settle.go", "system/internal/store/settle.go"
	return []overlay.Edit{
		{File: settler, Old: "\t\"math/rand/v2\"\n", New: "\t\"math/rand/v2\"\n\t\"os\"\n"},
		{File: settler, Old: "// task is one message", New: "var delivered int\n\n// task is one message"},
		{File: settler, Old: "\tpause := minPause\n\tfor len(tasks) > 0 {\n", New: `	delivered += len(batch)
	dies := delivered > 5 && len(tasks) > 0 && !batch[tasks[0].index].Redelivered
	if dies && tasks[0].purchase.Transaction[0]%2 == 0 {
		store.DieBeforeCommit = tasks[0].purchase.Transaction
	}
	pause := minPause
	for len(tasks) > 0 {
`},
		{File: settler, Old: "\treturn verdicts, nil\n", New: "\tif dies {\n\t\tos.Exit(70)\n\t}\n\treturn verdicts, nil\n"},
		{File: ledger, Old: "\t\"fmt\"\n", New: "\t\"fmt\"\n\t\"os\"\n"},
		{File: ledger, Old: "// pipeline sends everything", New: "// DieBeforeCommit is the purchase whose COMMIT this process does not live to see.\nvar DieBeforeCommit string\n\n// pipeline sends everything"},
		{File: ledger, Old: "\t\tp.SendPipelineSync()\n", New: `		if string(m.params[0]) == DieBeforeCommit {
			p.SendFlushRequest()
			_ = p.Flush()
			_, _ = p.GetResults() // it is executed, and not committed
			os.Exit(71)
		}
		p.SendPipelineSync()
`},
	}
}

// PoisonMessages puts messages that can never be written between purchases of the
// same batches.
func PoisonMessages() lab.Scenario {
	poisoned := func(name string) lab.Phase {
		return lab.Phase{Name: name, For: seconds(2), Tampers: []tamper.Tamper{{Kind: tamper.Poison, Count: 8}}}
	}
	return lab.Scenario{
		Name: "poison-messages", Gate: true,
		Claim: lab.Text{
			EN: "A message that can never be written goes to the dead letters, alone: the purchases before and after it are written as if it were not there.",
			ES: "Un mensaje que nunca podrá escribirse va a las cartas muertas, él solo: las compras de antes y de después se escriben como si no existiera.",
		},
		Sale:   quieter(25),
		Needs:  inBatches(),
		Phases: around(poisoned("poisoned"), poisoned("poisoned again"), poisoned("poisoned a third time")),
		Spec: invariant.Spec{
			DeadLetters: 24,
			Bounds: []invariant.Bound{
				atLeast(0.99, "purchases are accepted", "poisoned", history.Purchase, accepted(), time.Second, 10),
				atLeast(0.99, "purchases are accepted again", "poisoned again", history.Purchase, accepted(), time.Second, 10),
				atLeast(0.995, "seat maps", "poisoned", history.Seats, ok200(), 300*time.Millisecond, 100),
			},
			NoHang: noHang(),
			Witnesses: []invariant.Witness{
				{Name: "times that poison was put into the queue", Measure: invariant.CountFaults, Fault: string(tamper.Poison), Min: 3},
				{Name: "dead letters", Measure: invariant.SampleRise, Series: "queue_dead", Min: 20},
				{Name: "purchases written between the poisons", Measure: invariant.SampleRise, Phase: "poisoned again", Series: "ledger_rows", Min: 8},
				{Name: "purchases written between the last poisons", Measure: invariant.SampleRise, Phase: "poisoned a third time", Series: "ledger_rows", Min: 8},
			},
		},
	}
}

// ZombieTransaction leaves a transaction half done on a connection that nobody will
// ever use again, as a server does that has not noticed its client's end, and then
// has its purchase tried again.
func ZombieTransaction() lab.Scenario {
	return lab.Scenario{
		Name: "zombie-transaction",
		Claim: lab.Text{
			EN: "A transaction that was left half done keeps its purchase waiting for as long as PostgreSQL lets it stand idle, and no longer: then it is written, once.",
			ES: "Una transacción que quedó a medias hace esperar a su compra mientras PostgreSQL la deje ociosa, y no más: después se escribe, una sola vez.",
		},
		Sale:  quieter(26),
		Needs: lab.Needs{Edits: zombies()},
		Phases: around(
			lab.Phase{Name: "reset", For: seconds(2), Faults: []fault.Fault{fault.Reset("consumer_postgres")}},
			lab.Phase{Name: "half done", For: seconds(8)},
		),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				warm("half done", ok200()),
				atLeast(0.99, "purchases are accepted", "half done", history.Purchase, accepted(), time.Second, 40),
				atLeast(0.95, "accounts are made", "half done", history.Register, served(201), 1500*time.Millisecond, 10),
			},
			NoHang: noHang(),
			Witnesses: []invariant.Witness{
				bit("reset"),
				{Name: "purchases waiting behind the half-done one", Measure: invariant.SampleMax, Phase: "half done", Series: "queue_total", Min: 25},
				{Name: "purchases written when it had ended", Measure: invariant.SampleRise, Phase: "half done", Series: "ledger_rows", Min: 40},
			},
		},
	}
}

// zombies makes the consumer, when for the first time a batch has failed, leave its
// first purchase half done on a second connection before it tries again.
func zombies() []overlay.Edit {
	const ledger = "system/internal/store/settle.go"
	return []overlay.Edit{
		{File: ledger, Old: "\tif err := pipeline(ctx, conn.Conn(), sent, out, heard); err != nil {\n", New: `	if failed && !left && len(sent) > 0 {
		left = true // one is enough: its own victim fails, too
		s.leaveHalfDone(sent[0])
	}
	if err := pipeline(ctx, conn.Conn(), sent, out, heard); err != nil {
		failed = true
`},
		{File: ledger, Old: "// message is one purchase ready", New: `var failed, left bool

// leaveHalfDone begins to settle and never ends it. The connection stays in hand
// until the server has closed it.
func (s *Store) leaveHalfDone(m message) {
	conn, err := s.writes.acquire(context.Background())
	if err != nil {
		return
	}
	statement, err := conn.Conn().Prepare(context.Background(), settleName, settleSQL)
	if err != nil {
		conn.Release()
		return
	}
	c := conn.Conn().PgConn()
	_, _ = c.Exec(context.Background(), "begin").ReadAll()
	c.ExecPrepared(context.Background(), statement.Name, m.params, nil, nil).Read()
	go func() {
		defer conn.Release()
		for c.CheckConn() == nil {
			time.Sleep(100 * time.Millisecond)
		}
		_ = c.Close(context.Background())
	}()
}

// message is one purchase ready`},
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
				atLeast(0.99, "the hall is shown", "cut again", history.Seats, ok200(), 300*time.Millisecond, 80),
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
