import { MAX } from './bounds.ts'
import { copy, equals, isZero, NO_SIGNATURE, toKey, ZERO_ID } from './bytes.ts'
import { SignalError } from './errors.ts'
import { type Addressed, type AddressedFields, createAddressed, sealedBytes } from './frame.ts'
import type { Crypto, Identity } from './identity.ts'
import { remember } from './lru.ts'
import { type AddressedKind, FLAG } from './protocol.ts'

/**
 * What a receiver asks of the frames of its peers. `required`: a valid signature. `optional`: a signature that is
 * there must be valid, and who has signed before must go on. `off`: nothing, so a hostile server may change them.
 */
export type Verify = 'required' | 'optional' | 'off'
/** The same for all, or asked for each peer and topic (32 bytes each). Any other word counts as `required`. */
export type VerifyPolicy = Verify | ((peerId: Uint8Array, topic: Uint8Array) => Verify)

/** What a client lends. */
export interface SealHost {
  /** Known before anything is signed or checked. */
  readonly id?: Uint8Array | undefined
  /** Absent for a client with a bare id: it can't sign. */
  readonly identity?: Identity | undefined
  readonly crypto: Crypto
  readonly verify: VerifyPolicy
}

export interface Sealed extends AddressedFields {
  /** The signature of what it answers, if it answers anything. */
  re?: Uint8Array | undefined
}

/** Signs what goes to peers and checks what comes from them, so that no server on the way can change it. */
export class Seal {
  readonly #host: SealHost
  readonly #signers = new Map<string, true>()

  constructor(host: SealHost) {
    this.#host = host
  }

  /** The flags of every frame that this side seals. */
  get flags(): number {
    return this.#host.identity ? 0 : FLAG.bare
  }

  /** Signs a frame that is still addressed to its destination. */
  async sign(frame: Addressed, re = NO_SIGNATURE): Promise<void> {
    const { id, identity } = this.#host
    if (identity)
      frame.signature = await identity.sign(sealedBytes(frame, id as Uint8Array, frame.address, re))
  }

  /** Makes a frame and signs it. */
  async seal(kind: AddressedKind, { re, ...fields }: Sealed): Promise<Addressed> {
    const frame = createAddressed(kind, { ...fields, flags: fields.flags | this.flags })
    await this.sign(frame, re)
    return frame
  }

  /** Checks a frame that carries its sender's id. Throws BAD_SIGNATURE or UNPROVEN_ID. */
  async check(frame: Addressed, re = NO_SIGNATURE): Promise<void> {
    const { id, crypto } = this.#host
    const policy = this.policy(frame.address, frame.topic)
    if (policy === 'off') return
    const key = toKey(frame.address)
    if (isZero(frame.signature)) {
      // Who has no key says so; without the word, or from who has signed before, a signature was taken away.
      if ((frame.flags & FLAG.bare) === 0 || this.#signers.has(key)) {
        throw new SignalError('BAD_SIGNATURE', 'a signature is missing')
      }
      if (policy === 'required') throw unproven()
      return
    }
    const forAll = frame.kind === 'message' && (frame.flags & FLAG.direct) === 0
    const from = copy(frame.address)
    const signed = sealedBytes(frame, from, forAll ? ZERO_ID : (id as Uint8Array), re)
    if (!(await crypto.verify(from, signed, frame.signature)))
      throw new SignalError('BAD_SIGNATURE', 'a signature does not fit')
    remember(this.#signers, key, true, MAX.signers)
  }

  policy(peerId: Uint8Array, topic: Uint8Array): Verify {
    const { verify } = this.#host
    const policy = typeof verify === 'function' ? verify(peerId, topic) : verify
    // A function that gives another word, or none, must not let in more than one that says it.
    return policy === 'optional' || policy === 'off' ? policy : 'required'
  }
}

export function unproven(): SignalError {
  return new SignalError('UNPROVEN_ID', "unproven id: give it a keyPair, or this side verify: 'optional'")
}

/** The last 64 sequence numbers of one sender in one session (RFC 4303 section 3.4.3): what was seen is refused. */
export class ReplayWindow {
  #top = 0
  #seen = 0n

  /** Whether the number is new. It counts as seen from here on. */
  accept(seq: number): boolean {
    const ahead = Math.max(0, seq - this.#top)
    this.#top += ahead
    // Before the window everything counts as seen.
    const bit = 1n << BigInt(Math.min(this.#top - seq, 64))
    const seen = BigInt.asUintN(64, this.#seen << BigInt(Math.min(ahead, 64))) | (1n << 64n)
    this.#seen = seen | bit
    return (seen & bit) === 0n
  }

  /** Throws BAD_SIGNATURE for a number that is not new. */
  assertNew(seq: number): void {
    if (!this.accept(seq)) throw new SignalError('BAD_SIGNATURE', 'this frame was seen before')
  }
}

/** Whether two signatures are the same one, and are one at all. */
export function sameSignature(a: Uint8Array, b: Uint8Array): boolean {
  return !isZero(a) && equals(a, b)
}
