import { sha256 as nobleSha256 } from '#primitives'
import { assertBytes, concat, describe, encodeText, toHex } from './bytes.ts'

const TOPIC = 'socket-signal topic 1'
const SAFETY = 'socket-signal safety number 1'

/** The topic of a name: SHA-256 behind a domain string. 32 bytes. Doors, rooms and tokens use the same one. */
export async function topicFromName(name: string, subtle = globalThis.crypto?.subtle): Promise<Uint8Array> {
  if (typeof name !== 'string' || !name) throw new TypeError(`name must be a string, got ${describe(name)}`)
  return sha256(encodeText(TOPIC + name.normalize('NFC')), subtle)
}

/**
 * Sixty digits in groups of five that two people compare, to know that they hold each other's real ids. The same
 * for both of them. Each half is 100 bits of SHA-256 over one id.
 */
export async function safetyNumber(
  a: Uint8Array,
  b: Uint8Array,
  subtle = globalThis.crypto?.subtle
): Promise<string> {
  assertBytes(a, 'id')
  assertBytes(b, 'id')
  const halves = await Promise.all(
    [a, b].map(async id => digits(await sha256(concat(encodeText(SAFETY), id), subtle)))
  )
  return halves.sort().join(' ')
}

async function sha256(bytes: Uint8Array, subtle: SubtleCrypto | undefined): Promise<Uint8Array> {
  if (subtle) return new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return nobleSha256(bytes)
}

function digits(hash: Uint8Array): string {
  const groups = Array.from({ length: 6 }, (_, i) => {
    const five = BigInt(`0x${toHex(hash.subarray(i * 5, i * 5 + 5))}`) % 100_000n
    return five.toString().padStart(5, '0')
  })
  return groups.join(' ')
}
