package invariant

// Info is an invariant in one sentence, in the two languages of the classrooms.
type Info struct {
	Name string `json:"name"`
	EN   string `json:"en"`
	ES   string `json:"es"`
}

// All is every invariant that a report may name, in the order of the report.
func All() []Info {
	list := []Info{{Sound, "The record of the drill is whole and does not contradict itself.", "El registro del simulacro está completo y no se contradice."}}
	for _, c := range checks() {
		list = append(list, Info{c.name, c.en, c.es})
	}
	return list
}

type check struct {
	name   string
	stage  stage
	run    func(*view) []Finding
	en, es string
}

// checks is the judges in the order of the report: what must never happen, what is
// left behind, what buyers may expect, and whether the drill proved anything.
func checks() []check {
	return []check{
		{NoLoss, finished, noLoss,
			"Every accepted purchase is in the ledger with a final status.",
			"Toda compra aceptada está en el libro con un estado final."},
		{ExactlyOnce, always, exactlyOnce,
			"Every purchase is recorded once, with one ticket if confirmed and none if not.",
			"Cada compra se registra una vez, con una entrada si se confirma y ninguna si no."},
		{NoPhantom, always, noPhantom,
			"The ledger holds nothing that was refused or never asked for.",
			"El libro no contiene nada que se rechazara o que nadie pidiera."},
		{NoDoubleSale, always, noDoubleSale,
			"No seat belongs to two confirmed purchases, at the end or at any moment before.",
			"Ningún asiento pertenece a dos compras confirmadas, ni al final ni en ningún momento."},
		{Conservation, finished, conservation,
			"Seats and money add up: what is shown as sold is what the ledger confirms, at the price of the hall.",
			"Asientos y dinero cuadran: lo que se muestra vendido es lo que el libro confirma, al precio de la sala."},
		{AcceptConflict, always, acceptConflict,
			"An accepted purchase is not rejected later.",
			"Una compra aceptada no se rechaza después."},
		{RejectWitness, finished, rejectWitness,
			"A rejected purchase lost its seat to a confirmed one.",
			"Una compra rechazada perdió su asiento frente a otra confirmada."},
		{StatusTruth, finished, statusTruth,
			"A final status that a buyer was told is the ledger's.",
			"El estado final que se dijo al comprador es el del libro."},
		{TerminalMonotone, always, terminalMonotone,
			"Final means final: a purchase never leaves confirmed or rejected, and an accepted one is never unknown to the shop.",
			"Final es final: una compra nunca deja de estar confirmada o rechazada, y la tienda nunca desconoce una que aceptó."},
		{Contract, always, keepsContract,
			"A yes says what the contract says.",
			"Un sí dice lo que dice el contrato."},
		{QueueAccounted, finished, queueAccounted,
			"Nothing is left in the queues, and no accepted purchase among the dead letters.",
			"No queda nada en las colas, ni una compra aceptada entre los mensajes muertos."},
		{LockMutex, always, lockMutex,
			"No seat is held by two locks at once.",
			"Ningún asiento está retenido por dos reservas a la vez."},
		{LockLinear, finished, lockLinear,
			"Each seat's locks could have happened in this way in a lock store that works.",
			"Las reservas de cada asiento pudieron ocurrir así en un almacén de reservas que funciona."},
		{LockLiveness, finished, lockLiveness,
			"A seat is not kept from buyers by a hold that is over.",
			"Una retención terminada no priva a nadie de un asiento."},
		{StaleBound, finished, staleBound,
			"What is shown is no older than promised.",
			"Lo que se muestra no es más viejo de lo prometido."},
		{NoTimeTravel, finished, noTimeTravel,
			"What is shown was written before, and is no older than it claims.",
			"Lo que se muestra se escribió antes, y no es más viejo de lo que dice."},
		{AuthSafety, always, authSafety,
			"Nobody gets in with forged credentials.",
			"Nadie entra con credenciales falsas."},
		{Availability, finished, availability,
			"The promised share of requests is answered as promised.",
			"La parte prometida de las peticiones se responde como se prometió."},
		{NoHang, finished, noHang,
			"Every request is answered in time, even if with a no.",
			"Toda petición se responde a tiempo, aunque sea con un no."},
		{Isolation, finished, isolation,
			"What a fault does not touch does not suffer from it.",
			"Lo que un fallo no toca no sufre por él."},
		{RetryBudget, finished, retryBudget,
			"Trouble does not make the shop flood itself with retries and connections.",
			"En apuros, la tienda no se inunda de reintentos ni de conexiones."},
		{Recovery, finished, recovery,
			"Service returns within its bound after the heal.",
			"El servicio vuelve dentro de su plazo tras la reparación."},
		{NoBypass, finished, noBypass,
			"Every connection to a store goes through a proxy, so the fault was felt by all.",
			"Toda conexión a un almacén pasa por un proxy, así que todas sintieron el fallo."},
		{NoLeak, finished, noLeak,
			"After the drill no program has crashed, and none keeps goroutines, files or connections it no longer needs.",
			"Tras el simulacro ningún programa ha caído ni conserva gorrutinas, ficheros o conexiones que ya no necesita."},
		{NonVacuity, finished, nonVacuity,
			"The fault bit and the risky path was taken: the drill proves something.",
			"El fallo se notó y se recorrió el camino arriesgado: el simulacro demuestra algo."},
	}
}

// unexamined is the finding of an invariant for which the record holds no
// evidence. That is a pass, as nothing speaks against it, unless the spec wants it
// examined.
func (v *view) unexamined(name, why string) []Finding {
	f := Finding{Invariant: name, Verdict: Pass, Detail: "not judged: " + why, Counts: map[string]int64{"examined": 0}}
	if contains(v.spec.Examine, name) {
		f.Verdict = Invalid
	}
	return []Finding{f}
}
