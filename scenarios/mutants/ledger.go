package mutants

import (
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
	"eventflow/scenarios/overlay"
)

// twiceInTheLedger takes from the ledger what makes a second delivery harmless.
func twiceInTheLedger() []overlay.Edit {
	return []overlay.Edit{
		in(schema, "    transaction_id uuid primary key,\n", "    transaction_id uuid not null,\n"),
		in(schema, "    transaction_id uuid not null references purchases,\n", "    transaction_id uuid not null,\n"),
		in(schema, `
    on conflict (transaction_id) do nothing;
    if not found then
        select p.status into strict written from public.purchases p where p.transaction_id = settle.transaction;
        return 'DUP_' || written;
    end if;
`, ";\n"),
	}
}

// noEpoch lets nodes lock seats in a Redis that has forgotten what is sold: the
// guard in front of the ledger's own, which would hide a hole there.
var noEpoch = in(transactGo, "\tif words[0] == \"\" {\n\t\treturn view{}, errMemoryLost\n\t}\n", "")

// oneTransaction settles each batch in one transaction for all.
const oneTransaction = `	return wholeBatch(ctx, conn.Conn(), statement.Name, purchases, out)
}

func wholeBatch(ctx context.Context, c *pgx.Conn, settle string, purchases []ticket.Purchase, out []Settled) error {
	words := make([]string, len(purchases))
	err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		for i, p := range purchases {
			row := tx.QueryRow(ctx, settle, p.Transaction, p.Event, p.User, p.Seats, p.AmountCents, p.Node, p.AcceptedAt)
			if err := row.Scan(&words[i]); err != nil {
				return err
			}
		}
		return nil
	})
	var refusal *pgconn.PgError
	if err != nil && !errors.As(err, &refusal) {
		for i := range out {
			out[i].Err = ticket.Unknown(dependency, err)
		}
		return writeError(err)
	}
	for i := range out {
		out[i].conclude(words[i], refusal)
	}
	return nil
`

const onePipeline = `	sent := encode(conn.Conn().TypeMap(), statement.ParamOIDs, purchases, out)
	if err := pipeline(ctx, conn.Conn(), sent, out, heard); err != nil {
		return writeError(err)
	}
	return nil
`

// writing is what can be wrong in the ledger.
func writing() []Mutant {
	return []Mutant{
		{
			Name: "no-unique-purchase", ID: "M09", Gate: true, First: true,
			Lesson: lab.Text{
				EN: "Every message comes at least once. Without a unique id in the ledger, each redelivery is one purchase more.",
				ES: "Todo mensaje llega al menos una vez. Sin un identificador único en el libro, cada nueva entrega es una compra más.",
			},
			Needs:    needs(twiceInTheLedger()...),
			Scenario: "ack-lost", Anomaly: []string{invariant.ExactlyOnce},
		},
		{
			Name: "no-unique-purchase-late-reply", ID: "M09",
			Lesson: lab.Text{
				EN: "A COMMIT whose answer is lost has happened. Whoever writes again what \"failed\" needs a ledger that recognises it.",
				ES: "Un COMMIT cuya respuesta se pierde ha ocurrido. Quien vuelve a escribir lo que «falló» necesita un libro que lo reconozca.",
			},
			Needs:    needs(twiceInTheLedger()...),
			Scenario: "postgres-lose-replies", Anomaly: []string{invariant.ExactlyOnce},
		},
		{
			Name: "conflict-swallowed", ID: "M10", Gate: true,
			Lesson: lab.Text{
				EN: "ON CONFLICT DO NOTHING without saying which conflict takes a seat that somebody else has for a purchase that is there already: the buyer was told yes, and no row says why not.",
				ES: "ON CONFLICT DO NOTHING sin decir qué conflicto confunde un asiento ajeno con una compra ya escrita: al comprador se le dijo que sí y ninguna fila explica por qué no.",
			},
			Needs: needs(noEpoch, in(schema, "        update public.purchases p set status = 'REJECTED', reason = 'seat_taken' where p.transaction_id = settle.transaction;\n        return 'REJECTED';\n",
				"        delete from public.purchases p where p.transaction_id = settle.transaction;\n        return 'DUP_CONFIRMED';\n")),
			Scenario: "redis-forgets", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "no-unique-seat", ID: "M11", Gate: true,
			Lesson: lab.Text{
				EN: "A lock is admission control and can be lost. That a seat is sold once must be a key of the database, where the sale is written.",
				ES: "Una reserva es control de admisión y puede perderse. Que un asiento se venda una vez debe ser una clave de la base de datos, donde se escribe la venta.",
			},
			Needs:    needs(noEpoch, in(schema, "    primary key (event_id, seat),\n    foreign key (event_id, seat) references seats\n", "    foreign key (event_id, seat) references seats\n")),
			Scenario: "redis-forgets", Anomaly: []string{invariant.NoDoubleSale},
		},
		{
			Name: "one-transaction-for-all", ID: "M26",
			Lesson: lab.Text{
				EN: "One transaction for a batch gives all its purchases one fate: a poisoned one takes its neighbours along.",
				ES: "Una sola transacción para el lote da a todas sus compras un mismo destino: una envenenada arrastra a sus vecinas.",
			},
			Needs:    needs(in(ledgerGo, onePipeline, oneTransaction)),
			Scenario: "poison-messages", Anomaly: []string{invariant.NoLoss, invariant.QueueAccounted},
		},
		{
			Name: "believed-before-commit", ID: "M40",
			Lesson: lab.Text{
				EN: "A result row is not a COMMIT: a deferred constraint can still say no, and the answer that was read before it means nothing.",
				ES: "Una fila de resultado no es un COMMIT: una restricción diferida aún puede decir que no, y la respuesta leída antes no significa nada.",
			},
			Needs: needs(in(ledgerGo, "\tcase refusal != nil && poison(refusal):\n", "\tcase refusal != nil && word == \"\" && poison(refusal):\n"),
				in(ledgerGo, "\tcase refusal != nil:\n", "\tcase refusal != nil && word == \"\":\n")),
			Scenario: "consumer-crashes", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "commit-not-on-disk", ID: "M33",
			Lesson: lab.Text{
				EN: "synchronous_commit=off answers before the log is written: what a database called committed dies with it.",
				ES: "synchronous_commit=off responde antes de escribir el registro: lo que la base de datos llamó confirmado muere con ella.",
			},
			Needs:    needs(in(schema, "'synchronous_commit = on'", "'synchronous_commit = off'")),
			Scenario: "postgres-killed", Anomaly: []string{invariant.NoLoss},
		},
		{
			Name: "no-idle-timeout", ID: "M38",
			Lesson: lab.Text{
				EN: "A transaction that its client has forgotten holds its locks until the server ends it. Without a limit that is never.",
				ES: "Una transacción que su cliente ha olvidado retiene sus bloqueos hasta que el servidor la termine. Sin un límite, eso es nunca.",
			},
			Needs:    needs(in(schema, "'idle_in_transaction_session_timeout = ''5s'''", "'idle_in_transaction_session_timeout = 0'")),
			Scenario: "zombie-transaction", Anomaly: []string{invariant.NoLoss, invariant.QueueAccounted, invariant.Recovery},
		},
	}
}
