/**
 * For what stands on a client and brings its signals on other ways than the server's, for instance a swarm.
 *
 * @module socket-signal/detour
 */

import { copy, equals, isZero, ZERO_ID } from './bytes.ts'
import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import { SignalError, toSignalError } from './errors.ts'
import { Addressed, type AddressedFields, decodeFrame } from './frame.ts'
import type { Host } from './host.ts'
import type { OfferData, OfferResult } from './session.ts'
import { wait } from './wait.ts'

/** @inline */
type Gate = (data: OfferData) => OfferResult | undefined | Promise<OfferResult | undefined>

/** What stands on a client and shares its topics, for instance a swarm. */
export interface Companion {
  /** As the client's `_onOffer`, and asked after it: throw to refuse. */
  _onOffer?: Gate
  /** As the client's `_onRemoteConnect`, likewise. */
  _onRemoteConnect?: Gate
  /** Whether there seems to be another way to a peer than the server's. */
  reaches?(topic: Uint8Array, peerId: Uint8Array): boolean
  /** Brings a signed frame to the peer it is addressed to, on another way than the server's. Gives whether it is on its way. */
  carry?(frame: Addressed): boolean
}

/** What a client lends to who accompanies it. Usable once the client is open, but for the clock, randomness and the end. */
export interface Company {
  /** The client's own. */
  readonly clock: Clock
  /** From 0 to below 1. */
  random(): number
  /** Takes a signal that came from a peer on another way. Rejects with BAD_FRAME, BAD_SIGNATURE, UNPROVEN_ID. */
  receive(bytes: Uint8Array, from: Uint8Array): Promise<void>
  /** Signs a message to everybody in a topic. */
  seal(message: Omit<AddressedFields, 'address'>): Promise<Addressed>
  /** Checks one that another client has sealed, with its sender's id as its address. Rejects with BAD_SIGNATURE. */
  check(message: Addressed): Promise<void>
  /** The companion is asked no more. */
  part(): void
}

/** How long an answer may take on another way before the server is asked as well. Unit: ms. */
const PATIENCE = 3000

interface Asked {
  request: Uint8Array
  answer: Deferred<Addressed>
}

/** Signals on other ways than the server's: signed as ever, so whoever carries them can lose them and nothing else. */
export class Detour {
  readonly #host: Host
  readonly #companions = new Set<Companion>()
  /** By destination and session. */
  readonly #asked = new Map<string, Asked>()
  /** What messages that peers hand on are signed as answers to: none passes for what came over a server, nor that for one. */
  readonly #handedOn = new Uint8Array(64).fill(1)

  /** By the client that is accompanied. @internal */
  constructor(host: Host) {
    this.#host = host
  }

  /** Lends a companion what it needs. @internal */
  add(companion: Companion): Company {
    this.#companions.add(companion)
    const { clock, random } = this.#host
    return {
      clock,
      random,
      receive: (...signal) => this.#receive(...signal),
      seal: message => this.#seal(message),
      check: message => this.#check(message),
      part: () => void this.#companions.delete(companion)
    }
  }

  /** Asks the app's gate, then the companions': who is refused by the app must take no place of theirs. @internal */
  async decide(
    name: '_onOffer' | '_onRemoteConnect',
    data: OfferData,
    ask: () => OfferResult | undefined | Promise<OfferResult | undefined>
  ): Promise<OfferResult | undefined> {
    const own = await ask()
    const given: (OfferResult | undefined)[] = []
    for (const companion of this.#companions) given.push(await companion[name]?.(data))
    if (given.length === 0) return own
    const metadata = Object.assign({}, ...given.map(each => each?.metadata), own?.metadata)
    return { ...Object.assign({}, ...given, own), metadata }
  }

  /** Whether there seems to be another way to a peer. @internal */
  reaches(topic: Uint8Array, peerId: Uint8Array): boolean {
    return this.#some(companion => companion.reaches?.(topic, peerId))
  }

  /** Sends a signed frame on another way; gives whether it is on its way. @internal */
  carry(frame: Addressed): boolean {
    return !isZero(frame.signature) && this.#some(companion => companion.carry?.(frame))
  }

  /**
   * Sends a request, and gives its answer; where none comes in time, or there is no other way, what the server gives.
   *
   * @internal
   */
  async ask<T>(
    frame: Addressed,
    signal: AbortSignal,
    byServer: (signal: AbortSignal) => Promise<T>
  ): Promise<T | Addressed> {
    const { clock } = this.#host
    const answer = deferred<Addressed>()
    const key = frame.route
    this.#asked.set(key, { request: copy(frame.signature), answer })
    const served = new AbortController()
    const abort = () => served.abort(signal.reason)
    signal.addEventListener('abort', abort)
    try {
      if (!this.carry(frame)) return await byServer(signal)
      const early = wait(answer.promise, { signal, clock, timeout: PATIENCE })
      return await early.catch(error => {
        if (signal.aborted) throw error
        return Promise.race([answer.promise, byServer(served.signal)])
      })
    } finally {
      signal.removeEventListener('abort', abort)
      served.abort()
      this.#asked.delete(key)
    }
  }

  /** Takes a frame that came from a peer on another way. Rejects with what is wrong with it: BAD_FRAME, BAD_SIGNATURE, UNPROVEN_ID. */
  async #receive(bytes: Uint8Array, from: Uint8Array): Promise<void> {
    const { seal, id } = this.#host
    const frame = decodeFrame(copy(bytes))
    if (!(frame instanceof Addressed) || frame.kind === 'message' || !equals(frame.address, id as Uint8Array))
      throw new SignalError('BAD_FRAME', 'no signal for this peer')
    // Without signatures anybody on the way could speak for the sender.
    if (isZero(frame.signature) || seal.policy(from, frame.topic) !== 'required')
      throw new SignalError('UNPROVEN_ID', 'only signed signals come on other ways than the server’s')
    frame.requestId = 0 // By which it is known that the answer goes back on the way on which it came.
    frame.address = from
    if (frame.kind !== 'answer' && frame.kind !== 'refusal') return this.#host.receive(frame)
    const asked = this.#asked.get(frame.route)
    if (!asked) return
    // A forged answer must not use up the question.
    await seal.check(frame, asked.request)
    asked.answer.resolve(frame)
  }

  /** Signs a message to everybody in a topic, that peers hand on. */
  #seal(message: Omit<AddressedFields, 'address'>): Promise<Addressed> {
    return this.#host.seal.seal('message', { ...message, address: ZERO_ID, re: this.#handedOn })
  }

  /** Checks one. Rejects with BAD_SIGNATURE: whoever handed it on may have made it. */
  async #check(message: Addressed): Promise<void> {
    if (message.kind !== 'message' || isZero(message.signature) || isZero(message.address))
      throw new SignalError('BAD_SIGNATURE', 'a message that nobody signed')
    const { seal } = this.#host
    if (seal.policy(message.address, message.topic) !== 'required')
      throw new SignalError(
        'UNPROVEN_ID',
        'only who checks signatures takes messages from others than the server'
      )
    await seal.check(message, this.#handedOn)
  }

  #some(has: (companion: Companion) => boolean | undefined): boolean {
    for (const companion of this.#companions) {
      try {
        if (has(companion)) return true
      } catch (error) {
        this.#host.emit('dropped', { error: toSignalError(error), id: this.#host.id as Uint8Array })
      }
    }
    return false
  }
}
