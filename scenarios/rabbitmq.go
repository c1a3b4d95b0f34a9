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

// RabbitMQCut takes away the only place where a purchase may be promised. Seats
// must stay with the buyers who hold them, so that the same lock buys them later.
func RabbitMQCut() lab.Scenario {
	return lab.Scenario{
		Name: "rabbitmq-cut",
		Claim: lab.Text{
			EN: "Without RabbitMQ no purchase is accepted, seats stay with the buyers who hold them, and the same lock buys them after it returns.",
			ES: "Sin RabbitMQ no se acepta ninguna compra, los asientos siguen siendo de quien los retiene y la misma reserva los compra cuando vuelve.",
		},
		Sale: quieter(6),
		Gate: true,
		// A node that has tried in vain for a while waits up to five seconds before it
		// tries again: so long must buyers watch for its return.
		Phases: []lab.Phase{
			{Name: "baseline", For: seconds(2)},
			{Name: "cut", For: seconds(6), Faults: []fault.Fault{fault.Cut("rabbitmq")}},
			{Name: "recovered", For: seconds(6.2)},
		},
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				never("a purchase accepted without a queue", "cut", history.Purchase, accepted(), 50),
				atLeast(0.99, "purchases are refused at once, and honestly", "cut", history.Purchase, honestly(), time.Second, 50),
				atLeast(0.99, "seats can still be locked", "cut", history.Lock, served(201, 409), time.Second, 50),
				quick("cut", ok200()),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 3, 6, 10)},
			Witnesses: []invariant.Witness{
				bit("cut"),
				count("purchases refused while the queue was gone", "cut", history.Purchase, honestly(), 50),
				count("purchases that a kept lock bought after all", "recovered", history.Purchase, invariant.Match{Code: []int{202}, MinAttempt: 1}, 10),
			},
		},
	}
}

// ConfirmLost lets purchases reach the broker and loses its word on them: whoever
// frees the seats on a timeout sells them twice. One node still hears the broker,
// so that seats which were freed find a buyer, and nobody takes purchases out of
// the queue, so that nothing else says whose they are.
func ConfirmLost() lab.Scenario {
	sale := quieter(15)
	sale.Buyers, sale.HotShare = 25, 0.4
	sale.Attempts = 2 // who gives up early was told something for good
	return lab.Scenario{
		Name: "confirm-lost",
		Claim: lab.Text{
			EN: "When the broker takes purchases and its confirms are lost, nobody is told yes or no, the seats stay theirs, and asking again finds out.",
			ES: "Cuando el bróker recibe compras y sus confirmaciones se pierden, a nadie se le dice sí ni no, los asientos siguen siendo suyos y al preguntar otra vez se sabe.",
		},
		Sale: sale,
		Gate: true,
		Phases: around(lab.Phase{Name: "lost", For: seconds(6), Faults: []fault.Fault{
			fault.Cut("consumer_rabbitmq"), fault.LoseReplies("app-1_rabbitmq", "app-2_rabbitmq"),
		}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.99, "seats can still be locked", "lost", history.Lock, served(201, 409), time.Second, 50),
				by(atLeast(0.98, "the node that hears the broker sells", "lost", history.Purchase, accepted(), time.Second, 10), "app-3"),
				quick("lost", ok200()),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 3, 4, 10)},
			Witnesses: []invariant.Witness{
				bits("lost", 2),
				// Most are asked while the fault is being felt, before its phase begins.
				count("purchases of which the shop did not know", "", history.Purchase, unknown(), 8),
				count("of which asking again found out", "lost", history.Purchase, invariant.Match{Code: []int{202}, MinAttempt: 1}, 5),
				count("locks refused because the seat was taken", "lost", history.Lock, served(409), 10),
			},
		},
	}
}

// BrokerKilled ends the broker with purchases in it that nobody has taken out: a
// 202 means that they are on its disk.
func BrokerKilled() lab.Scenario {
	backlog := fault.Cut("consumer_rabbitmq")
	sale := quieter(17)
	sale.Buyers = 25
	return lab.Scenario{
		Name: "broker-killed",
		Claim: lab.Text{
			EN: "When the broker is killed with purchases in its queue, every one that was accepted is in the ledger once after it has started again.",
			ES: "Cuando el bróker muere con compras en su cola, cada una que se aceptó está en el libro una sola vez después de que vuelva a arrancar.",
		},
		Sale: sale,
		Gate: true,
		Phases: []lab.Phase{
			{Name: "baseline", For: seconds(2)},
			{Name: "backlog", For: seconds(3), Faults: []fault.Fault{backlog}},
			{Name: "killed", For: seconds(2.5), Faults: []fault.Fault{backlog}, Processes: []stack.ProcessFault{stack.Kill(topology.RabbitMQ)}},
			{Name: "recovered", For: seconds(6.2)},
		},
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.98, "purchases are accepted and queued", "backlog", history.Purchase, accepted(), time.Second, 20),
				never("a purchase accepted without a broker", "killed", history.Purchase, accepted(), 10),
				// Who was left in doubt when the broker died stays in doubt when he asks again.
				atLeast(0.8, "purchases are refused at once, and honestly", "killed", history.Purchase, honestly(), time.Second, 10),
				atLeast(0.98, "purchases are answered in time", "killed", history.Purchase, served(503), 1400*time.Millisecond, 10),
				atLeast(0.99, "seats can still be locked", "killed", history.Lock, served(201, 409), time.Second, 20),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 5, 6, 10)},
			// A dead broker's proxy takes each connection and closes it: who comes back at
			// once, again and again, is counted there.
			Retries: &invariant.Retries{MaxConnects: 30},
			Witnesses: []invariant.Witness{
				bit("backlog"), bit("killed"),
				{Name: "purchases in the broker before it was killed", Measure: invariant.SampleMax, Phase: "backlog", Series: "queue_total", Min: 20},
				count("purchases refused while the broker was dead", "killed", history.Purchase, honestly(), 10),
			},
		},
	}
}

// BrokerMemoryAlarm makes the broker stop reading from whoever publishes, in the
// middle of a message if need be, and go on delivering.
func BrokerMemoryAlarm() lab.Scenario {
	sale := quieter(18)
	sale.Buyers = 25
	return lab.Scenario{
		Name: "broker-memory-alarm",
		Claim: lab.Text{
			EN: "When the broker's memory is full, purchases are refused within a second, what it had taken goes on to the ledger, and what got stuck on its way is found out by asking again.",
			ES: "Cuando la memoria del bróker está llena, las compras se rechazan en menos de un segundo, lo que ya tenía sigue llegando al libro y lo que quedó a medio camino se averigua preguntando otra vez.",
		},
		Sale: sale,
		Phases: []lab.Phase{
			{Name: "baseline", For: seconds(2)},
			{Name: "backlog", For: seconds(2.5), Faults: []fault.Fault{fault.Cut("consumer_rabbitmq")}},
			{Name: "alarm", For: seconds(6), Processes: []stack.ProcessFault{stack.Alarm(topology.RabbitMQ)}},
			{Name: "recovered", For: seconds(4.2)},
		},
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.8, "purchases are refused at once, and honestly", "alarm", history.Purchase, honestly(), time.Second, 30),
				atLeast(0.99, "seats can still be locked", "alarm", history.Lock, served(201, 409), time.Second, 30),
				quick("alarm", ok200()),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 3, 4, 10)},
			Witnesses: []invariant.Witness{
				bit("backlog"), bit("alarm"),
				count("purchases refused by the alarm", "alarm", history.Purchase, honestly(), 30),
				count("purchases that got stuck on their way", "alarm", history.Purchase, unknown(), 1),
				{Name: "purchases that reached the ledger during the alarm", Measure: invariant.SampleRise, Phase: "alarm", Series: "ledger_rows", Min: 10},
			},
		},
	}
}

// BrokerPaused makes the broker stand still with its connections open.
func BrokerPaused() lab.Scenario {
	sale := quieter(19)
	sale.Buyers = 25
	return lab.Scenario{
		Name: "broker-paused",
		Claim: lab.Text{
			EN: "When the broker stands still, purchases wait a second at the most and then are refused at once, nothing is released that may still be bought, and selling resumes when it moves again.",
			ES: "Cuando el bróker se queda parado, las compras esperan un segundo como mucho y después se rechazan al momento, no se libera nada que aún pueda comprarse y la venta sigue cuando vuelve a moverse.",
		},
		Sale:   sale,
		Phases: around(lab.Phase{Name: "still", For: seconds(7), Processes: []stack.ProcessFault{stack.Pause(topology.RabbitMQ)}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				never("a purchase accepted by a broker that stands still", "still", history.Purchase, accepted(), 30),
				atLeast(0.98, "purchases are answered in time", "still", history.Purchase, served(503), 1400*time.Millisecond, 50),
				atLeast(0.5, "purchases are refused at once, and honestly", "still", history.Purchase, honestly(), time.Second, 50),
				atLeast(0.99, "seats can still be locked", "still", history.Lock, served(201, 409), time.Second, 50),
				quick("still", ok200()),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 4, 4, 10)},
			Witnesses: []invariant.Witness{
				bit("still"),
				count("purchases that were sent and not confirmed", "still", history.Purchase, unknown(), 5),
				count("purchases that were refused unsent", "still", history.Purchase, honestly(), 20),
			},
		},
	}
}

// QueueDeleted deletes the purchase queue, with all it holds, again and again while
// nobody consumes it: the broker then has no place for a purchase and says so, and
// what it had confirmed is nowhere but in the shop's own records.
func QueueDeleted() lab.Scenario {
	sale := quieter(33)
	sale.Buyers = 25
	return lab.Scenario{
		Name: "queue-deleted",
		Claim: lab.Text{
			EN: "When the queue is deleted, a purchase that the broker cannot place is refused, the queue is declared again within a second, and what was accepted before still reaches the ledger.",
			ES: "Cuando se borra la cola, una compra que el bróker no puede colocar se rechaza, la cola vuelve a declararse en menos de un segundo y lo que se había aceptado llega igualmente al libro.",
		},
		Sale: sale,
		Phases: around(lab.Phase{Name: "deleted", For: seconds(6),
			Faults:  []fault.Fault{fault.Cut("consumer_rabbitmq")},
			Tampers: []tamper.Tamper{{Kind: tamper.DeleteQueue, Every: time.Second}},
		}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				atLeast(0.6, "purchases are accepted in between", "deleted", history.Purchase, accepted(), time.Second, 50),
				atLeast(0.99, "purchases are answered in time", "deleted", history.Purchase, served(202, 503), 1400*time.Millisecond, 50),
				never("an unknown outcome", "deleted", history.Purchase, unknown(), 50),
				quick("deleted", ok200()),
			},
			NoHang:   noHang(),
			Recovery: []invariant.RecoveryBound{back(history.Purchase, 3, 4, 10)},
			Witnesses: []invariant.Witness{
				bit("deleted"),
				count("purchases that the broker could not place", "deleted", history.Purchase, honestly(), 5),
				{Name: "purchases in the queue when it was deleted", Measure: invariant.SampleMax, Phase: "deleted", Series: "queue_total", Min: 5},
			},
		},
	}
}
