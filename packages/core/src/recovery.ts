import { MAX, MS } from './bounds.ts'
import type { Clock } from './clock.ts'
import type { Path } from './path.ts'
import type { Peer } from './peer.ts'

export interface RecoveryOptions {
  peer: Peer
  path: Path
  clock: Clock
  /** How long a path may be gone before it is searched anew. Unit: ms. */
  grace: number
  /** Sees to it that credentials of TURN servers still hold. */
  prepare(): Promise<void>
  /** Whether an offer of ours has no answer yet, or our wish for one no offer. */
  unanswered(): boolean
  /** Sends it once more, with what followed it. */
  resend(): void
  /** Asks the initiator to restart ICE: only it makes offers. */
  ask(): void
}

/** What of simple-peer restarts ICE. */
interface Negotiating {
  offerOptions?: RTCOfferOptions
  negotiate?(): void
}

/**
 * Brings a connection back whose path is gone: an ICE restart over signaling. Session, DTLS fingerprint and channel
 * stay, and with the channel the order of what waits in it.
 */
export class Recovery {
  readonly #options: RecoveryOptions
  #timer: unknown
  #look: unknown
  #preparing: Promise<void> | undefined
  #tries = 0
  /** What offers are made with otherwise, while one that restarts ICE is being made. */
  #before: { options: RTCOfferOptions | undefined } | undefined

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  /** ICE has come to another state. */
  onstate(state: RTCIceConnectionState): void {
    if (state === 'disconnected') {
      this.#wait()
      void this.prepare()
    } else if (this.#options.path.alive) this.#done()
    else if (state !== 'checking' && state !== 'new') this.#end()
  }

  /** Fetches ICE servers anew where they have ended. Never rejects: the old ones may still do. */
  async prepare(): Promise<void> {
    this.#preparing ??= this.#options.prepare().catch(() => {})
    await this.#preparing
    this.#preparing = undefined
  }

  /** Restarts ICE now; one at a time. */
  async restart(): Promise<void> {
    const { peer, ask, resend, unanswered } = this.#options
    if (!peer.connected) return
    this.#end()
    this.#wait()
    await this.prepare()
    if (!peer.connected) return
    if (!peer.initiator) return ask()
    // Lost on its way when the socket broke: a new one could only wait for its answer.
    if (unanswered()) return resend()
    const stream = peer.stream as Negotiating
    if (!stream.negotiate) return
    this.#before ??= { options: stream.offerOptions }
    stream.offerOptions = { ...stream.offerOptions, iceRestart: true }
    stream.negotiate()
  }

  /** Something was sent that wants an answer. It may be lost with its socket, or its answer may: so it is said again. */
  asked(): void {
    this.#tries = 0
    this.#wait()
  }

  /** An offer was made: later ones restart nothing. */
  offered(): void {
    if (!this.#before) return
    const stream = this.#options.peer.stream as Negotiating
    stream.offerOptions = this.#before.options ?? {}
    this.#before = undefined
  }

  /** The remote's side of a restart is known: which path comes of it, not every browser tells. */
  restarted(): void {
    const { clock, path, peer } = this.#options
    clock.clearTimeout(this.#look)
    let left: number = MAX.looks
    const wait = () => {
      this.#look = clock.setTimeout(look, MS.look)
    }
    const look = async () => {
      const changed = await path.look()
      if (!changed && --left > 0 && !peer.destroyed) wait()
    }
    wait()
  }

  /** Waits for nothing any more. */
  close(): void {
    this.#end()
    this.#options.clock.clearTimeout(this.#look)
  }

  #end(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #wait(): void {
    const { clock, grace, path, unanswered, resend } = this.#options
    this.#timer ??= clock.setTimeout(() => {
      this.#timer = undefined
      if (!path.alive) void this.restart()
      else if (!unanswered()) void path.look()
      else if (this.#tries++ < MAX.tries) {
        resend()
        this.#wait()
      }
    }, grace)
  }

  #done(): void {
    if (!this.#options.unanswered()) this.#end()
    void this.#options.path.look()
  }
}
