import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSession } from "../../src/shop/session.js";
import { createBrowser, createServer, createWorld, no, ok, settle, silence } from "./world.js";

const PASS = { user: { id: "guest-1", name: "Ana" }, token: "a.b.c", expires_at: "2026-05-04T22:00:00Z" };

/** @param {ReturnType<typeof createBrowser>} [browser] */
function open(browser = createBrowser()) {
  const played = createWorld({ browser });
  const server = createServer(played);
  return { ...createSession(played.world, server.call), server, browser };
}

async function entered() {
  const p = open();
  const done = p.enterGuest("Ana");
  await p.server.asked().answer(ok(PASS));
  assert.deepEqual(await done, { ok: true });
  return p;
}

describe("entering", () => {
  test("as a guest, and a reload later still", async () => {
    const p = await entered();
    assert.deepEqual([p.server.all[0].path, p.server.all[0].body], ["/api/auth/guest", { nickname: "Ana" }]);
    assert.deepEqual(p.session.peek(), { user: PASS.user, token: "a.b.c", expires: Date.UTC(2026, 4, 4, 22), kind: "guest" });
    assert.deepEqual(open(p.browser).session.peek(), p.session.peek());
  });

  test("with an account", async () => {
    const p = open();
    p.register({ email: "a@b.c", password: "correct horse", name: "Ana" });
    assert.equal(p.server.asked().path, "/api/auth/register");
    await p.server.asked().answer(ok(PASS, { status: 201 }));
    assert.equal(p.session.peek()?.kind, "account");
    p.logIn({ email: "a@b.c", password: "correct horse" });
    assert.deepEqual([p.server.asked().path, p.server.asked().token], ["/api/auth/login", undefined]);
  });

  test("wrong words and an office that is away are two different answers, and neither enters", async () => {
    const p = open();
    /** @type {[Partial<import("../../src/shop/contract.js").Answer>, object][]} */
    const answers = [
      [no(401, "wrong_credentials"), { certainty: "none", code: "wrong_credentials" }],
      [no(503, "database_unavailable", "none", { wait: 1000 }), { certainty: "none", code: "database_unavailable", wait: 1000 }],
      [silence(), { certainty: "unknown", code: "timeout" }],
      [ok({}), { certainty: "none", code: "unreadable" }],
    ];
    for (const [answer, want] of answers) {
      const done = p.logIn({ email: "a@b.c", password: "x" });
      await p.server.asked().answer(answer);
      const got = await done;
      assert.deepEqual({ ...got, ...want }, got);
      assert.equal(p.session.peek(), null);
      assert.equal(p.ended.peek(), null, "nobody was in who could be thrown out");
    }
  });

  test("what something else wrote enters nobody", () => {
    for (const kept of ["{}", '{"user":{"id":"x","name":"y"},"token":"","kind":"guest"}', '"x"', '{"user":{"id":1,"name":"y"},"token":"t","kind":"guest"}']) {
      const browser = createBrowser();
      browser.storage.set("eventflow.session", kept);
      assert.equal(open(browser).session.peek(), null, kept);
    }
  });
});

test("all tabs of a browser are one person", async () => {
  const browser = createBrowser();
  const [a, b] = [open(browser), open(browser)];
  a.enterGuest("Ana");
  await a.server.asked().answer(ok(PASS));
  await settle();
  assert.equal(b.session.peek()?.user.name, "Ana");
  b.leave();
  await settle();
  assert.equal(a.session.peek(), null);
});

describe("leaving", () => {
  test("by one's own will, without a trace", async () => {
    const p = await entered();
    p.leave();
    assert.deepEqual([p.session.peek(), p.ended.peek(), open(p.browser).session.peek()], [null, null, null]);
  });

  test("by a 401, and the page knows whose it was", async () => {
    const p = await entered();
    const asked = p.send("GET", "/api/purchases");
    assert.equal(p.server.asked().token, "a.b.c");
    await p.server.asked().answer(no(401, "unauthorized"));
    assert.equal((await asked).code, "unauthorized");
    assert.deepEqual([p.session.peek(), p.ended.peek()], [null, { kind: "guest", name: "Ana", email: undefined }]);
  });

  test("not by the 401 of who was in before", async () => {
    const p = await entered();
    p.send("GET", "/api/purchases");
    const old = p.server.asked();
    p.enterGuest("Eva");
    await p.server.open()[1].answer(ok({ ...PASS, user: { id: "guest-2", name: "Eva" }, token: "d.e.f" }));
    await old.answer(no(401, "unauthorized"));
    assert.equal(p.session.peek()?.user.name, "Eva");
  });

  test("entering again ends having been thrown out", async () => {
    const p = await entered();
    p.send("GET", "/api/purchases");
    await p.server.asked().answer(no(401, "unauthorized"));
    p.enterGuest("Ana");
    await p.server.asked().answer(ok(PASS));
    assert.equal(p.ended.peek(), null);
  });
});
