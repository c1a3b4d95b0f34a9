import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { transactionOf, uuid4, uuid5 } from "../../src/shop/uuid5.js";

const DNS = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

test("the names that everybody else makes of these", () => {
  assert.equal(uuid5(DNS, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  assert.equal(uuid5(DNS, "python.org"), "886313e1-3b8a-5372-9b90-0c9aee199e5d");
});

test("the transaction that the server makes of a lock", () => {
  assert.equal(transactionOf("0b2a4c1e-9b1f-4a55-8a5e-1d9a3c0f6e21"), "666b418d-96f0-5a92-886e-6405da014a85");
});

test("every length around the edges of a block, and letters of two bytes", () => {
  for (const name of [...Array(140).keys()].map((n) => "x".repeat(n)).concat("ñandú", "😀")) {
    const hash = createHash("sha1").update(Buffer.from(DNS.replaceAll("-", ""), "hex")).update(name).digest();
    hash[6] = (hash[6] & 0x0f) | 0x50;
    hash[8] = (hash[8] & 0x3f) | 0x80;
    assert.equal(uuid5(DNS, name).replaceAll("-", ""), hash.subarray(0, 16).toString("hex"), name);
  }
});

test("random ones are of version 4 and differ", () => {
  const some = new Set(Array.from({ length: 100 }, uuid4));
  assert.equal(some.size, 100);
  for (const id of some) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
