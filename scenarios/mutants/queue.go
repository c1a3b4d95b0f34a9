package mutants

import (
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
)

// publishing is what can be wrong on the way into the queue.
func publishing() []Mutant {
	return []Mutant{
		{
			Name: "no-confirms", ID: "M01", Gate: true, First: true,
			Lesson: lab.Text{
				EN: "\"Sent\" is not \"stored\": without the broker's confirm, whatever was on its way when the link died is lost, and its buyer holds a 202.",
				ES: "«Enviado» no es «guardado»: sin la confirmación del bróker, lo que iba de camino cuando murió el enlace se pierde, y su comprador tiene un 202.",
			},
			Needs:    needs(noRescue, in(outletGo, "\treturn o.awaitConfirm(ctx, j)\n", "\tgo o.settleConfirm(j) // sent is as good as stored\n\treturn nil\n")),
			Scenario: "rotating-directions", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "timeout-is-a-yes", ID: "M02", Gate: true,
			Lesson: lab.Text{
				EN: "No answer in time is no answer: whoever takes a missing confirm for a yes promises what nobody has.",
				ES: "Sin respuesta a tiempo no hay respuesta: quien toma una confirmación ausente por un sí promete lo que nadie tiene.",
			},
			Needs: needs(noRescue, in(outletGo, "\t\tgo o.settleConfirm(j)\n\t\treturn ticket.Unknown(dependency, fmt.Errorf(\"wait for the confirm: %w\", err))\n", "\t\tgo o.settleConfirm(j)\n\t\treturn nil\n"),
				in(outletGo, "\t\treturn ticket.Unknown(dependency, errors.New(\"not confirmed\"))\n", "\t\treturn nil\n"),
			),
			Scenario: "broker-paused", Anomaly: []string{invariant.NoLoss, invariant.Availability},
		},
		{
			Name: "returns-ignored", ID: "M03",
			Lesson: lab.Text{
				EN: "A broker confirms a message for which it has no queue. Only mandatory and its returns tell that it went nowhere.",
				ES: "Un bróker confirma un mensaje para el que no tiene cola. Solo mandatory y sus devoluciones dicen que no llegó a ninguna parte.",
			},
			Needs:    needs(noRescue, in(outletGo, `PublishWithDeferredConfirm("", j.queue, true, false, j.msg)`, `PublishWithDeferredConfirm("", j.queue, false, false, j.msg)`)),
			Scenario: "queue-deleted", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "no-confirm-deadline", ID: "M31",
			Lesson: lab.Text{
				EN: "A library call without a deadline lends your patience to a stranger: each buyer waits for as long as the broker stands still.",
				ES: "Una llamada sin plazo presta tu paciencia a un extraño: cada comprador espera tanto como el bróker siga parado.",
			},
			Needs:    needs(in(outletGo, "\tacked, err := j.confirm.WaitContext(ctx)\n", "\t<-j.confirm.Done()\n\tacked, err := j.confirm.Acked(), error(nil)\n")),
			Scenario: "broker-paused", Anomaly: []string{invariant.NoHang, invariant.Availability},
		},
		{
			Name: "queue-not-durable", ID: "M06",
			Lesson: lab.Text{
				EN: "A confirm of a queue that is not durable is a promise kept in memory: the broker's death takes queue and purchases along.",
				ES: "La confirmación de una cola no duradera es una promesa guardada en memoria: la muerte del bróker se lleva la cola y las compras.",
			},
			Needs: needs(noRescue, in(queueGo, "\targs := amqp.Table{\n", "\t_ = amqp.Table{\n"),
				in(queueGo, "ch.QueueDeclare(queue, true, false, false, false, args)", "ch.QueueDeclare(queue, false, false, false, false, nil)"),
			),
			Scenario: "broker-killed", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "messages-not-persistent", ID: "M07",
			Lesson: lab.Text{
				EN: "A durable queue survives the broker; the transient messages in it do not.",
				ES: "Una cola duradera sobrevive al bróker; los mensajes transitorios que contiene, no.",
			},
			Needs: needs(noRescue, in(queueGo, "\targs := amqp.Table{\n", "\t_ = amqp.Table{\n"),
				in(queueGo, "ch.QueueDeclare(queue, true, false, false, false, args)", "ch.QueueDeclare(queue, true, false, false, false, nil)"),
				in(outletGo, "DeliveryMode: amqp.Persistent", "DeliveryMode: amqp.Transient"),
			),
			Scenario: "broker-killed", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "retry-storm", ID: "M27",
			Lesson: lab.Text{
				EN: "Who comes back at once, again and again, keeps down what is trying to get up: pauses must grow, and differ from node to node.",
				ES: "Quien vuelve al instante, una y otra vez, no deja levantarse a quien lo intenta: las pausas deben crecer y ser distintas en cada nodo.",
			},
			Needs:    needs(in(queueGo, "\t\twait := minPause/2 + rand.N(pause)\n", "\t\twait := rand.N(pause / 50)\n\t\tpause = minPause / 2\n")),
			Scenario: "broker-killed", Anomaly: []string{invariant.RetryBudget},
		},
	}
}

// ackAfter is where a batch is acknowledged: once it is stored.
const ackAfter = `		if err := in.ch.Ack(last, true); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
`

// giveUp has the settler return its batch at the first trouble.
var giveUp = in(settleGo, "\t\tif err := sleep(ctx, pause/2+rand.N(pause)); err != nil {\n",
	"\t\tif err := errors.Join(err, sleep(ctx, rand.N(pause/100))); err != nil {\n")

// noDeadLetters leaves messages that are given up with nowhere to go.
var noDeadLetters = in(queueGo, `		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": DeadLetters(queue),
		// Without these two a message can get lost on its way to the dead
		// letters.
		"x-dead-letter-strategy": "at-least-once",
		"x-overflow":             "reject-publish",
`, "")

// handing gives a batch that was not stored back to the broker.
func handing(back string) string {
	return "\tif err != nil {\n\t\tc.held.Add(-int64(len(batch)))\n\t\treturn in.ch.Nack(batch[len(batch)-1].DeliveryTag, true, " + back + ")\n\t}\n\tif len(verdicts)"
}

const notStored = "\tif err != nil {\n\t\treturn fmt.Errorf(\"handle a batch: %w\", err)\n\t}\n\tif len(verdicts)"

// consuming is what can be wrong on the way out of the queue.
func consuming() []Mutant {
	return []Mutant{
		{
			Name: "dropped-when-insert-fails", ID: "P1", First: true,
			Lesson: lab.Text{
				EN: "nack(requeue=false) throws the message away. The first EventFlow did so whenever an insert failed: while PostgreSQL was gone, every purchase was accepted and lost.",
				ES: "nack(requeue=false) tira el mensaje. El primer EventFlow lo hacía cada vez que fallaba un insert: mientras PostgreSQL faltaba, cada compra se aceptaba y se perdía.",
			},
			Needs:    needs(noRescue, giveUp, noDeadLetters, in(consumerGo, notStored, handing("false"))),
			Scenario: "postgres-cut", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "requeued-until-dropped", ID: "M08", Gate: true,
			Lesson: lab.Text{
				EN: "Giving a message back to try again at once burns its delivery limit in milliseconds; then the broker drops it. Keep it, and wait.",
				ES: "Devolver un mensaje para reintentar al instante agota su límite de entregas en milisegundos; después el bróker lo tira. Consérvalo y espera.",
			},
			Needs:    needs(noRescue, giveUp, noDeadLetters, in(queueGo, "int32(1000)", "int32(5)"), in(consumerGo, notStored, handing("true"))),
			Scenario: "postgres-cut", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "auto-ack", ID: "M04",
			Lesson: lab.Text{
				EN: "With automatic acknowledgement the broker forgets a message when it sends it: the consumer's death is the purchase's death.",
				ES: "Con acuse automático el bróker olvida el mensaje al enviarlo: la muerte del consumidor es la muerte de la compra.",
			},
			Needs: needs(noRescue, in(intakeGo, "s.ch.Consume(c.cfg.Queue, consumerTag, false, false, false, false, nil)", "s.ch.Consume(c.cfg.Queue, consumerTag, true, false, false, false, nil)"),
				in(consumerGo, ackAfter, "\t\t_ = last // the broker forgot it long ago\n"),
			),
			Scenario: "consumer-crashes", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "ack-before-commit", ID: "M05", Gate: true,
			Lesson: lab.Text{
				EN: "Acknowledge after COMMIT, not before: in between lies every way in which a program can end.",
				ES: "El acuse va después del COMMIT, no antes: en medio caben todas las maneras de morir de un programa.",
			},
			Needs: needs(noRescue, in(consumerGo, "\tverdicts, err := handle(work, messages)\n", "\tif err := in.ch.Ack(batch[len(batch)-1].DeliveryTag, true); err != nil {\n\t\treturn fmt.Errorf(\"acknowledge: %w\", err)\n\t}\n\tverdicts, err := handle(work, messages)\n"),
				in(consumerGo, ackAfter, "\t\t_ = last // it was acknowledged when it came\n"),
			),
			Scenario: "consumer-crashes", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "ack-multiple-in-parallel", ID: "M25",
			Lesson: lab.Text{
				EN: "\"This one and all before it\" is true only of work done in order: a fast batch acknowledges the slow one beside it.",
				ES: "«Este y todos los anteriores» solo es cierto si se trabaja en orden: un lote rápido da por hecho al lento de al lado.",
			},
			Needs: needs(noRescue, in(consumerGo, "\t\t\tif err := c.handle(ctx, work, in, batch, handle); err != nil {\n\t\t\t\treturn err\n\t\t\t}\n", "\t\t\tslow := c.batches%2 == 0 // work side by side takes different times\n\t\t\tc.batches++\n\t\t\tgo func() {\n\t\t\t\tif slow {\n\t\t\t\t\ttime.Sleep(1700 * time.Millisecond)\n\t\t\t\t}\n\t\t\t\t_ = c.handle(ctx, work, in, batch, handle)\n\t\t\t}()\n"),
				in(consumerGo, "\tcurrent atomic.Pointer[intake]\n", "\tcurrent atomic.Pointer[intake]\n\tbatches int\n")),
			Scenario: "consumer-loses-broker", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "consumer-gives-up", ID: "M23",
			Lesson: lab.Text{
				EN: "A loop over deliveries ends when the connection does. Who does not begin it again has a program that runs and a queue that only grows.",
				ES: "Un bucle sobre las entregas acaba cuando acaba la conexión. Quien no lo empieza de nuevo tiene un programa en marcha y una cola que solo crece.",
			},
			Needs: needs(in(consumerGo, "\treturn supervise(ctx, c.cfg.Log, func(ctx context.Context, up func()) error { return c.session(ctx, up, handle) })\n",
				"\tif err := c.session(ctx, func() {}, handle); err != nil {\n\t\tc.cfg.Log.Error(\"no more purchases are taken\", \"err\", err)\n\t}\n\t<-ctx.Done()\n\treturn ctx.Err()\n")),
			Scenario: "rabbitmq-cut", Anomaly: []string{invariant.NoLoss, invariant.QueueAccounted, invariant.Recovery},
		},
	}
}
