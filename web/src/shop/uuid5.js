// Names made of names: the UUIDv5 of a purchase, as the server makes it of the
// lock, so that a purchase has its address before any answer. With a SHA-1 of its
// own, because crypto.subtle is missing on plain http:// from another machine.

/** What the server's description of POST /api/purchase names. */
const PURCHASES = "6f6a1a0e-6f0b-5c43-9d0a-2f6f5e5a7f10";

/** The transaction that buying with this lock is, whoever asks and how often. @param {string} lock */
export const transactionOf = (lock) => uuid5(PURCHASES, lock);

/**
 * @param {string} namespace a UUID
 * @param {string} name
 */
export function uuid5(namespace, name) {
  const space = namespace.replaceAll("-", "").match(/../g) ?? [];
  const text = new TextEncoder().encode(name);
  const input = new Uint8Array(space.length + text.length);
  input.set(space.map((x) => parseInt(x, 16)));
  input.set(text, space.length);
  return write(sha1(input).subarray(0, 16), 5);
}

/** A random UUID; crypto.randomUUID is missing where crypto.subtle is. */
export function uuid4() {
  return write(crypto.getRandomValues(new Uint8Array(16)), 4);
}

/** @param {Uint8Array} b 16 bytes @param {number} version */
function write(b, version) {
  b[6] = (b[6] & 0x0f) | (version << 4);
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** FIPS 180-4, section 6.1. @param {Uint8Array} message */
function sha1(message) {
  const h = new Uint32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  const blocks = padded(message);
  const w = new Uint32Array(80);
  for (let at = 0; at < blocks.byteLength; at += 64) {
    for (let t = 0; t < 16; t++) w[t] = blocks.getUint32(at + 4 * t);
    for (let t = 16; t < 80; t++) w[t] = left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    let [a, b, c, d, e] = h;
    for (let t = 0; t < 80; t++) {
      const next = (left(a, 5) + mix(t, b, c, d) + e + w[t]) | 0;
      [a, b, c, d, e] = [next, a, left(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((x, i) => { h[i] += x; });
  }
  const out = new DataView(new ArrayBuffer(20));
  h.forEach((x, i) => out.setUint32(4 * i, x));
  return new Uint8Array(out.buffer);
}

/** The message, a one bit, zeros, and the length in bits. @param {Uint8Array} message */
function padded(message) {
  const bytes = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(bytes.length - 4, message.length * 8);
  return view;
}

/** @param {number} t @param {number} b @param {number} c @param {number} d */
function mix(t, b, c, d) {
  if (t < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (t < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (t < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

/** @param {number} x @param {number} n */
const left = (x, n) => (x << n) | (x >>> (32 - n));
