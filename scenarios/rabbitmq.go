package scenarios

import (
	"time"

	"eventflow/scenarios/history"
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/toxiproxy/fault"
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
		Sale:   crowd(6),
		Phases: around(lab.Phase{Name: "cut", For: seconds(9), Faults: []fault.Fault{fault.Cut("rabbitmq")}}),
		Spec: invariant.Spec{
			Bounds: []invariant.Bound{
				never("a purchase accepted without a queue", "cut", history.Purchase, accepted(), 50),
				atLeast(0.99, "purchases are refused at once, and honestly", "cut", history.Purchase, honestly(), time.Second, 50),
				atLeast(0.99, "seats can still be locked", "cut", history.Lock, served(201, 409), time.Second, 50),
				fast("cut", history.Seats, ok200()),
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
