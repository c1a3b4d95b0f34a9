package mutants

import (
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
)

// unwatched reads seats and takes them without noticing who was faster.
func unwatched() lab.Needs {
	return needs(
		in(transactGo, "\t\t}, watched...); err != nil {\n", "\t\t}); err != nil {\n"),
		in(transactGo, "\twatched := append([]string{epochKey, lockKey(lockID)}, seatKeys(event, seats)...)\n", ""),
	)
}

// locking is what can be wrong with seats that are held.
func locking() []Mutant {
	return []Mutant{
		{
			Name: "get-then-set", ID: "M12", Gate: true,
			Lesson: lab.Text{
				EN: "To look whether a seat is free and then to take it are two steps: between them fits another buyer.",
				ES: "Mirar si un asiento está libre y después tomarlo son dos pasos: entre ellos cabe otro comprador.",
			},
			Needs:    unwatched(),
			Scenario: "redis-slow", Anomaly: []string{invariant.LockMutex, invariant.LockLinear},
		},
		{
			Name: "set-without-looking", ID: "X2", Gate: true,
			Lesson: lab.Text{
				EN: "A lock that can be overwritten is a note, not a lock: SET without NX gives the seat to whoever came last.",
				ES: "Una reserva que se puede sobrescribir es una nota, no una reserva: un SET sin NX da el asiento a quien llegó el último.",
			},
			Needs:    needs(in(holdGo, "\tif len(taken) > 0 {\n\t\treturn nil, nil, &SeatsTaken{Seats: taken}\n\t}\n", "")),
			Scenario: "calm", Anomaly: []string{invariant.LockMutex, invariant.LockLinear},
		},
		{
			Name: "released-by-anybody", ID: "M13",
			Lesson: lab.Text{
				EN: "Who releases a lock must show that it is his own. Otherwise a late or a rude buyer frees somebody else's seats.",
				ES: "Quien libera una reserva debe demostrar que es suya. Si no, un comprador tardío o grosero libera los asientos de otro.",
			},
			Needs:    needs(in(holdGo, "\tcase r.user != user:\n", "\tcase r.user == \"\":\n")),
			Scenario: "forged-tokens", Anomaly: []string{invariant.AuthSafety},
		},
		{
			Name: "hold-without-end", ID: "M14",
			Lesson: lab.Text{
				EN: "A lock without a time limit outlives whoever took it: the seat belongs to a buyer who has left.",
				ES: "Una reserva sin límite de tiempo sobrevive a quien la hizo: el asiento es de un comprador que se ha ido.",
			},
			Needs:    needs(in(holdGo, "p.Set(ctx, key, heldBy(rec.id), left)", "p.Set(ctx, key, heldBy(rec.id), 0)")),
			Scenario: "node-killed", Anomaly: []string{invariant.LockLiveness, invariant.LockLinear},
		},
		{
			Name: "promise-lapses", ID: "M15", Gate: true,
			Lesson: lab.Text{
				EN: "The hold's clock must stop before the purchase is sent: a promise that waits in a queue outlives any time limit.",
				ES: "El reloj de la reserva debe pararse antes de enviar la compra: una promesa que espera en una cola vive más que cualquier plazo.",
			},
			Needs:    needs(in(beginGo, "p.Set(ctx, key, boughtWith(id), 0)", "p.Set(ctx, key, boughtWith(id), redis.KeepTTL)")),
			Scenario: "purchase-outlives-hold", Anomaly: []string{invariant.AcceptConflict},
		},
		{
			Name: "checked-then-sold", ID: "P6", First: true,
			Lesson: lab.Text{
				EN: "The first EventFlow looked at the lock and sold in a second step. A hold that had lapsed in between was sold over the head of its new owner.",
				ES: "El primer EventFlow miraba la reserva y vendía en un segundo paso. Una reserva caducada entretanto se vendía por encima de su nuevo dueño.",
			},
			Needs: lab.Needs{Edits: needs(
				in(holdGo, "\t\tif v.holdsAll(heldBy(v.rec.id)) {\n", "\t\tif v.rec.state == StateLocked { // its seats were looked at when it was made\n"),
			).Edits, Env: env("LOCK_TTL", "1s")},
			Scenario: "everything-cut", Anomaly: []string{invariant.LockMutex, invariant.AcceptConflict, invariant.LockLinear},
		},
		{
			Name: "lock-not-recognised", ID: "M17",
			Lesson: lab.Text{
				EN: "SETNX that is retried finds the seat taken, by itself. A lock must know its owner, or a lost answer locks its own buyer out.",
				ES: "Un SETNX reintentado encuentra el asiento ocupado, por él mismo. Una reserva debe conocer a su dueño, o una respuesta perdida deja fuera a su propio comprador.",
			},
			Needs: needs(
				in(redisGo, "MaxRetries: -1,", "MaxRetries: 3,"),
				in(holdGo, "\tmine := heldBy(want.ID)\n\tif v.rec != nil && v.rec.state == StateLocked && v.holdsAll(mine) {\n\t\treturn v.rec, nil, nil\n\t}\n", ""),
				in(holdGo, "\t\tif value != \"\" && value != mine {\n", "\t\tif value != \"\" {\n"),
			),
			Scenario: "lock-reply-lost", Anomaly: []string{invariant.LockLinear, invariant.Availability},
		},
		{
			Name: "own-clock", ID: "M37",
			Lesson: lab.Text{
				EN: "Clocks differ. A node that judges a hold by its own takes seats away that are held, half a minute too early.",
				ES: "Los relojes difieren. Un nodo que juzga una reserva por el suyo quita asientos retenidos, medio minuto antes de tiempo.",
			},
			Needs: lab.Needs{Env: env("LOCK_TTL", "20s"), Edits: needs(
				in(appGo, "seatlock.Options{TTL: cfg.LockTTL, MaxHold: cfg.MaxHold, Observe: watch}", "seatlock.Options{TTL: cfg.LockTTL, MaxHold: cfg.MaxHold, Observe: watch, Now: func() time.Time {\n\t\tahead, _ := time.ParseDuration(os.Getenv(\"CLOCK_AHEAD\"))\n\t\treturn time.Now().Add(ahead)\n\t}}"),
				in(holdGo, "\t\tif value != \"\" && value != mine {\n", "\t\tif value != \"\" && value != mine && !l.lapsed(ctx, value) {\n"),
				in(holdGo, "// reusable refuses an id", ownClock+"// reusable refuses an id"),
			).Edits},
			Scenario: "clocks-differ", Anomaly: []string{invariant.LockMutex, invariant.LockLinear},
		},
	}
}

// ownClock is whether a hold is over by this node's clock.
const ownClock = `func (l *Locks) lapsed(ctx context.Context, value string) bool {
	if stateOf(value) != ticket.Held {
		return false
	}
	rec, err := l.peek(ctx, value[len("lock:"):])
	return err == nil && rec != nil && rec.state == StateLocked && l.now().After(rec.expires)
}

`

// buying is what can be wrong between a lock and the queue.
func buying() []Mutant {
	const doubt = "\ts.note(ctx, \"unknown\", a, s.Tills.Unknown(ctx, a))\n\treturn unsure(published)\n"
	return []Mutant{
		{
			Name: "freed-on-doubt", ID: "M16",
			Lesson: lab.Text{
				EN: "A purchase of which nobody knows may still land. Whoever frees its seats to be nice sells them twice.",
				ES: "Una compra de la que nadie sabe aún puede llegar. Quien libera sus asientos por amabilidad los vende dos veces.",
			},
			Needs:    needs(in(buyGo, doubt, "\tif back, err := s.Tills.Refused(ctx, a); err == nil && back {\n\t\ts.note(ctx, \"released\", a, s.Holds.Release(ctx, a.Lock.ID, a.Lock.User))\n\t}\n\treturn unsure(published)\n")),
			Scenario: "confirm-lost", Anomaly: []string{invariant.AcceptConflict},
		},
		{
			Name: "timeout-is-a-no", ID: "M32", Gate: true,
			Lesson: lab.Text{
				EN: "\"It did not happen\" must be known, not guessed: a purchase that was refused after a timeout turns up in the ledger.",
				ES: "«No ha ocurrido» hay que saberlo, no suponerlo: una compra rechazada tras agotarse el plazo aparece en el libro.",
			},
			Needs: needs(
				in(buyGo, "\treturn errors.Is(err, ticket.ErrUnavailable) && !errors.Is(err, ticket.ErrUnknown)\n", "\treturn err != nil // whatever it was\n"),
				in(buyGo, "\tif returned && err == nil {\n\t\treturn published\n\t}\n", "\tif returned && err == nil {\n\t\treturn ticket.Unavailable(\"rabbitmq\", errors.New(\"no confirm in time\"))\n\t}\n"),
			),
			Scenario: "confirm-lost", Anomaly: []string{invariant.NoPhantom},
		},
		{
			Name: "each-press-a-purchase", ID: "P3", First: true,
			Lesson: lab.Text{
				EN: "The first EventFlow drew a new id for every request: who pressed twice bought twice, or was sold out by himself.",
				ES: "El primer EventFlow sacaba un identificador nuevo en cada petición: quien pulsaba dos veces compraba dos veces, o se quitaba el asiento a sí mismo.",
			},
			Needs: needs(
				in(buyGo, "\t\"net/http\"\n\n\t\"eventflow", "\t\"net/http\"\n\n\t\"github.com/google/uuid\"\n\n\t\"eventflow"),
				in(buyGo, "\tif err != nil || a.State != seatlock.StatePurchasing {\n\t\treturn a, err\n\t}\n", "\tif err != nil {\n\t\treturn a, err\n\t}\n\ta.Transaction = uuid.NewString()\n"),
				in(ticketGo, "\tif p.Transaction != TransactionID(p.LockID) {\n", "\tif p.Transaction == \"\" {\n"),
			),
			Scenario: "same-purchase-many-times", Anomaly: []string{invariant.Contract, invariant.AcceptConflict, invariant.NoPhantom},
		},
		{
			Name: "posts-sent-again", ID: "M28",
			Lesson: lab.Text{
				EN: "non_idempotent lets nginx send a POST to the next node although the first may have obeyed it. With nothing that recognises it, one click is two purchases.",
				ES: "non_idempotent deja que nginx mande un POST al nodo siguiente aunque el primero quizá lo obedeció. Sin nada que lo reconozca, un clic son dos compras.",
			},
			Needs: needs(append(twiceInTheLedger(),
				in(buyGo, "\tif err != nil || a.State != seatlock.StatePurchasing {\n", "\tif err != nil {\n"),
				in(edge, "    proxy_next_upstream error timeout;\n", "    proxy_next_upstream error timeout non_idempotent;\n"))...),
			Scenario: "node-killed", Anomaly: []string{invariant.ExactlyOnce},
		},
	}
}
