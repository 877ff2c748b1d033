const PRIMES: bigint[] = []
for (let n = 2n; PRIMES.length < 80; n++) if (PRIMES.every(prime => n % prime)) PRIMES.push(n)

const START = PRIMES.slice(0, 8).map(prime => fraction(prime, 2n))
const ROUNDS = PRIMES.map(prime => fraction(prime, 3n))

/**
 * SHA-512 (FIPS 180-4), with the names of its section 6.4.2. For pages that have no WebCrypto at all: a library's takes
 * six times as many bytes in every bundle. Its constants are computed, so there is nothing to copy wrong.
 */
export function sha512(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((message.length + 17) / 128) * 128)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n)
  let hash = START
  for (let block = 0; block < padded.length; block += 128) {
    const w = Array.from({ length: 16 }, (_, t) => view.getBigUint64(block + t * 8))
    let [a, b, c, d, e, f, g, h] = hash as Eight
    for (const [t, k] of ROUNDS.entries()) {
      const [w0, w1, w9, w14] = [w[t], w[t + 1], w[t + 9], w[t + 14]] as [bigint, bigint, bigint, bigint]
      const t1 = h + rotated(e, 14n, 18n, 41n) + ((e & f) ^ (~e & g)) + k + w0
      const t2 = rotated(a, 28n, 34n, 39n) + ((a & b) ^ (a & c) ^ (b & c))
      ;[a, b, c, d, e, f, g, h] = [word(t1 + t2), a, b, c, word(d + t1), e, f, g]
      w.push(word(w0 + (rotated(w1, 1n, 8n) ^ (w1 >> 7n)) + w9 + (rotated(w14, 19n, 61n) ^ (w14 >> 6n))))
    }
    hash = [a, b, c, d, e, f, g, h].map((value, i) => word(value + (hash[i] as bigint)))
  }
  for (const [i, value] of hash.entries()) view.setBigUint64(i * 8, value)
  return padded.slice(0, 64)
}

type Eight = [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]

function word(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

/** The word rotated to the right by each of these, put together by exclusive or. */
function rotated(value: bigint, ...by: bigint[]): bigint {
  return by.reduce((all, n) => all ^ (value >> n) ^ word(value << (64n - n)), 0n)
}

/** The first 64 bits of the fraction of a prime's square or cube root. */
function fraction(prime: bigint, degree: bigint): bigint {
  let root = 0n
  for (let bit = 1n << 68n; bit > 0n; bit >>= 1n) {
    if ((root | bit) ** degree <= prime << (64n * degree)) root |= bit
  }
  return word(root)
}
