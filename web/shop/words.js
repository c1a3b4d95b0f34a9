// Every sentence of the shop in Spanish and English, and how money, times and
// counts are written. It must not know where on the page they stand.
//
// Two words are guarded: an order in the queue is never called bought, and an
// order without an answer is never called failed.

import { recall, remember } from "./memory.js";

/** The API counts in cents and names no currency; the shop's posters say euros. */
const CURRENCY = "EUR";
const STORE = "eventflow.language";

export const words = {
  es: {
    "skip": "Ir al contenido",
    "foot": "EventFlow es un sistema de demostración: ni las entradas ni el dinero son de verdad.",
    "who": "Has entrado como {name}",
    "list.title": "Elige un evento",
    "list.loading": "Preguntando por los eventos…",
    "list.empty": "Ahora no hay ningún evento a la venta.",
    "event.unnamed": "Evento {id}",
    "event.seats.one": "{n} asiento", "event.seats.other": "{n} asientos",
    "back": "← Todos los eventos",
    "retry.now": "Preguntar ya",
    "source.cache": "Datos de la caché",
    "source.database": "Datos de la base de datos",
    "source.stale": "copia vencida",
    "source.age": "de hace {age}",
    "source.node": "respondió {node}",
    "seats.loading": "Preguntando por los asientos…",
    "seats.none": "Todavía no hay mapa de asientos.",
    "seats.old": "Lo que ves es de hace {age}.",
    "list.trouble": "La taquilla no puede enseñar los eventos ahora: {why}. Preguntamos otra vez en {s} s.",
    "seats.trouble": "No llegan datos nuevos de los asientos: {why}. Seguimos preguntando.",
    "seats.no_event": "Este evento no existe.",
    "holds.unknown": "Ahora no se sabe qué asientos están reservados: uno que se ve libre puede tenerlo otra persona. Los vendidos sí son ciertos.",
    "keys": "Con el teclado: flechas para moverte, Inicio y Fin para los extremos de la fila, Espacio para elegir.",
    "stage": "Escenario",
    "row": "Fila {row}",
    "seat": "{seat}, fila {row}, {price}, {state}",
    "state.free": "libre", "state.picked": "elegido", "state.mine": "en tu pedido",
    "state.held": "reservado por alguien", "state.purchasing": "comprándose", "state.sold": "vendido",
    "legend": "{state}",
    "legend.counts": "{state}: {n}",
    "panel.title": "Tu pedido",
    "pick.none": "Elige hasta 8 asientos en el mapa.",
    "pick.finish": "Primero termina o suelta la reserva que tienes.",
    "pick.clear": "Quitar todos",
    "pick.max": "Como mucho 8 asientos por pedido.",
    "pick.lost": "Ya no está libre y lo hemos quitado: {seats}",
    "pick.taken": "{seat}: {state}. Elige otro.",
    "picked.one": "{n} asiento elegido: {total}", "picked.other": "{n} asientos elegidos: {total}",
    "nick.label": "Tu apodo (entras como invitado)",
    "hold.enter": "Entrar y reservar",
    "hold.go": "Reservar",
    "hold.wait": "Un momento…",
    "hold.refused": "No se ha reservado nada: {why}.",
    "hold.taken": "Otra persona llegó antes. No se ha reservado nada. Ocupado: {seats}",
    "enter.refused": "No has entrado: {why}. Prueba otra vez.",
    "mine.title": "Mis compras",
    "bar.go": "Ver pedido",
    "bar.held": "Reservado {left}",
    "order.locking": "Reservando…",
    "order.lock_unknown": "Reserva desconocida: pregunta otra vez",
    "order.held": "Reservado",
    "order.buying": "Enviando la compra…",
    "order.unknown": "Desconocido: pregunta otra vez",
    "order.queued": "En cola",
    "order.confirmed": "Confirmado",
    "order.rejected": "Rechazado ({reason})",
    "order.lapsed": "La reserva terminó",
    "say.locking": "Esperando la respuesta de la taquilla.",
    "say.lock_unknown": "No llegó respuesta: puede que los asientos ya sean tuyos. Pregunta otra vez; es la misma petición y no reserva dos veces.",
    "say.held": "Los asientos son tuyos hasta que acabe el tiempo. Todavía no has comprado nada.",
    "say.buying": "Esperando la respuesta de la taquilla.",
    "say.unknown": "No sabemos si la compra entró. Pregunta otra vez: va con la misma reserva, así que no se compra dos veces.",
    "say.queued": "La taquilla la aceptó y espera a que el libro de ventas la escriba. Aún no es tuya.",
    "say.confirmed": "Está en el libro de ventas. Las entradas son tuyas.",
    "say.rejected": "El libro de ventas dijo que no. No has comprado nada.",
    "say.lapsed": "No has comprado nada. Puedes volver a elegir asientos.",
    "note.held": "No se ha comprado nada: {why}. Los asientos siguen siendo tuyos; prueba otra vez con la misma reserva.",
    "note.extend_failed": "No se pudo alargar con certeza. Cuenta con el tiempo que ves.",
    "note.release_failed": "No es seguro que se hayan soltado. Si no, se soltarán solos al acabar el tiempo.",
    "note.no_news": "Ahora nadie nos dice cómo va. La compra sigue aceptada; seguimos preguntando.",
    "note.why": "Última respuesta: {why}.",
    "do.buy": "Comprar por {total}",
    "do.again": "Probar otra vez ({total})",
    "do.extend": "Más tiempo",
    "do.release": "Soltar",
    "do.ask": "Preguntar otra vez",
    "do.giveup": "Dejarlo",
    "do.dismiss": "Quitar de la lista",
    "giveup.said": "Si los asientos quedaron reservados, se soltarán solos.",
    "released.said": "Has soltado los asientos.",
    "order.said": "{seats}: {state}",
    "left.said": "Queda {left} de reserva.",
    "tx": "Compra {tx}",
    "why.timeout": "no hubo respuesta en 3 segundos",
    "why.network": "no hay conexión con la taquilla",
    "why.unreadable": "llegó una respuesta ilegible",
    "why.reloaded": "la página se recargó antes de la respuesta",
    "why.unauthorized": "tu entrada como invitado caducó",
    "why.seat_taken": "otra persona los compró antes",
    "why.abandoned": "se abandonó antes de llegar al libro de ventas",
    "why.no_event": "este evento no existe",
    "why.no_seat": "ese asiento no existe",
    "why.no_lock": "la taquilla no conoce esta reserva",
    "why.not_owner": "la reserva es de otra persona",
    "why.lock_lapsed": "la reserva caducó",
    "why.lock_in_use": "esta reserva ya se está comprando",
    "why.purchase_rejected": "la compra fue rechazada",
    "why.invalid_request": "la taquilla no acepta esos datos",
    "why.busy": "hay demasiada gente entrando",
    "why.queue_unavailable": "la cola de compras no responde",
    "why.redis_unavailable": "el registro de reservas no responde",
    "why.database_unavailable": "la base de datos no responde",
    "why.unavailable": "falta una pieza del sistema",
    "why.internal": "la taquilla ha tenido un error",
    "why.outcome_unknown": "la taquilla tampoco sabe si entró",
    "why.server": "la taquilla no está disponible ({code})",
    "why.other": "la taquilla dijo «{code}»",
  },
  en: {
    "skip": "Skip to content",
    "foot": "EventFlow is a demonstration: neither the tickets nor the money are real.",
    "who": "Entered as {name}",
    "list.title": "Choose an event",
    "list.loading": "Asking for the events…",
    "list.empty": "No event is on sale now.",
    "event.unnamed": "Event {id}",
    "event.seats.one": "{n} seat", "event.seats.other": "{n} seats",
    "back": "← All events",
    "retry.now": "Ask now",
    "source.cache": "Data from the cache",
    "source.database": "Data from the database",
    "source.stale": "stale copy",
    "source.age": "{age} old",
    "source.node": "{node} answered",
    "seats.loading": "Asking for the seats…",
    "seats.none": "There is no seat map yet.",
    "seats.old": "What you see is {age} old.",
    "list.trouble": "The shop cannot show the events now: {why}. Asking again in {s} s.",
    "seats.trouble": "No fresh news of the seats: {why}. Still asking.",
    "seats.no_event": "There is no such event.",
    "holds.unknown": "Nobody knows now which seats are on hold: one that looks free may be somebody else's. Sold seats are certain.",
    "keys": "With the keyboard: arrows to move, Home and End for the ends of the row, Space to pick.",
    "stage": "Stage",
    "row": "Row {row}",
    "seat": "{seat}, row {row}, {price}, {state}",
    "state.free": "free", "state.picked": "picked", "state.mine": "in your order",
    "state.held": "on hold by somebody", "state.purchasing": "being bought", "state.sold": "sold",
    "legend": "{state}",
    "legend.counts": "{state}: {n}",
    "panel.title": "Your order",
    "pick.none": "Pick up to 8 seats on the map.",
    "pick.finish": "First finish or release the hold you have.",
    "pick.clear": "Clear",
    "pick.max": "At most 8 seats in one order.",
    "pick.lost": "No longer free, so we took it off: {seats}",
    "pick.taken": "{seat}: {state}. Pick another.",
    "picked.one": "{n} seat picked: {total}", "picked.other": "{n} seats picked: {total}",
    "nick.label": "Your nickname (you enter as a guest)",
    "hold.enter": "Enter and hold",
    "hold.go": "Hold",
    "hold.wait": "One moment…",
    "hold.refused": "Nothing is on hold: {why}.",
    "hold.taken": "Somebody was faster. Nothing is on hold. Taken: {seats}",
    "enter.refused": "You have not entered: {why}. Try again.",
    "mine.title": "My purchases",
    "bar.go": "See order",
    "bar.held": "On hold {left}",
    "order.locking": "Asking for a hold…",
    "order.lock_unknown": "Hold unknown – ask again",
    "order.held": "On hold for you",
    "order.buying": "Sending the purchase…",
    "order.unknown": "Unknown – ask again",
    "order.queued": "Queued",
    "order.confirmed": "Confirmed",
    "order.rejected": "Rejected ({reason})",
    "order.lapsed": "The hold ended",
    "say.locking": "Waiting for the shop's answer.",
    "say.lock_unknown": "No answer came: the seats may be yours already. Ask again; it is the same request and holds nothing twice.",
    "say.held": "The seats are yours until the time is over. Nothing is paid for yet.",
    "say.buying": "Waiting for the shop's answer.",
    "say.unknown": "We do not know whether the purchase went in. Ask again: it uses the same hold, so nothing is bought twice.",
    "say.queued": "The shop accepted it; it waits to be written in the ledger. It is not yours yet.",
    "say.confirmed": "It is in the ledger. The tickets are yours.",
    "say.rejected": "The ledger said no. You have bought nothing.",
    "say.lapsed": "You have bought nothing. You can pick seats again.",
    "note.held": "Nothing was bought: {why}. The seats are still yours; try again with the same hold.",
    "note.extend_failed": "It is not certain that you got more time. Count on the time you see.",
    "note.release_failed": "It is not certain that they were released. If not, they come free when the time is over.",
    "note.no_news": "Nobody can tell us how it stands now. The purchase is still accepted; we keep asking.",
    "note.why": "Last answer: {why}.",
    "do.buy": "Buy for {total}",
    "do.again": "Try again ({total})",
    "do.extend": "More time",
    "do.release": "Release",
    "do.ask": "Ask again",
    "do.giveup": "Leave it",
    "do.dismiss": "Take off the list",
    "giveup.said": "If the seats were put on hold, they come free by themselves.",
    "released.said": "You released the seats.",
    "order.said": "{seats}: {state}",
    "left.said": "{left} of the hold left.",
    "tx": "Purchase {tx}",
    "why.timeout": "no answer within 3 seconds",
    "why.network": "no connection to the shop",
    "why.unreadable": "the answer was not readable",
    "why.reloaded": "the page was reloaded before the answer",
    "why.unauthorized": "your guest entry has run out",
    "why.seat_taken": "somebody else bought them first",
    "why.abandoned": "it was abandoned before it reached the ledger",
    "why.no_event": "there is no such event",
    "why.no_seat": "there is no such seat",
    "why.no_lock": "the shop does not know this hold",
    "why.not_owner": "the hold is somebody else's",
    "why.lock_lapsed": "the hold ran out",
    "why.lock_in_use": "this hold is being bought already",
    "why.purchase_rejected": "the purchase was rejected",
    "why.invalid_request": "the shop does not accept these data",
    "why.busy": "too many people are entering",
    "why.queue_unavailable": "the purchase queue does not answer",
    "why.redis_unavailable": "the register of holds does not answer",
    "why.database_unavailable": "the database does not answer",
    "why.unavailable": "a part of the system is missing",
    "why.internal": "the shop had an error",
    "why.outcome_unknown": "the shop does not know either",
    "why.server": "the shop is not available ({code})",
    "why.other": "the shop said “{code}”",
  },
};

let language = start();

/** The language in use: the one chosen before, else the browser's first that we speak, else Spanish. */
export function lang() { return language; }

export function choose(next) {
  language = next;
  remember("localStorage", STORE, next);
}

function start() {
  const chosen = recall("localStorage", STORE);
  const wanted = [chosen, ...navigator.languages.map((l) => l.slice(0, 2).toLowerCase())];
  return wanted.find((l) => Object.hasOwn(words, l ?? "")) ?? "es";
}

/** The sentence for key, its {blanks} filled in. */
export function t(key, blanks = {}) {
  const sentence = words[language][key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => blanks[name] ?? whole);
}

/** The sentence that fits the count n. */
export function count(key, n, blanks = {}) {
  const form = new Intl.PluralRules(language).select(n) === "one" ? "one" : "other";
  return t(`${key}.${form}`, { n: new Intl.NumberFormat(language).format(n), ...blanks });
}

/** A code of the API in words; codes we do not know are quoted as they are. */
export function why(code) {
  if (Object.hasOwn(words[language], `why.${code}`)) return t(`why.${code}`);
  return t(/^http_5|unavailable$/.test(code) ? "why.server" : "why.other", { code });
}

export function money(cents) {
  return new Intl.NumberFormat(language, { style: "currency", currency: CURRENCY }).format(cents / 100);
}

export function day(iso) {
  const d = new Date(iso);
  return Number.isNaN(d.getTime()) ? "" : new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" }).format(d);
}

/** An age in whole seconds, or minutes from 100 s on. */
export function age(seconds) {
  return seconds < 100 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min`;
}

/** What is left of a time limit, as m:ss. */
export function clock(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

export function seats(list) { return list.join(", "); }
