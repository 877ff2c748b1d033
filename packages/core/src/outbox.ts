import { Batch } from './batch.ts'
import { MS } from './bounds.ts'
import type { Clock } from './clock.ts'
import { deferred } from './deferred.ts'
import { withCandidates } from './negotiation.ts'
import type { Description, RtcSignal } from './rtc.ts'

/** What a connection of ours has to say, in order: its first description for whoever waits for it, then all else, batched. */
export class Outbox {
  readonly #send: (signals: RtcSignal[]) => void
  readonly #batch: Batch
  readonly #first = deferred<Description>()
  /** Nothing may overtake the first description. */
  #open = false
  /** Ends the wait for candidates right behind the first description. */
  #found: (() => void) | undefined
  #waiting: RtcSignal[] = []
  /** The latest description and what followed it. */
  #said: RtcSignal[] = []
  /** What candidates began with since then. */
  readonly #told = new Set<string>()

  /** `send` takes signals that go together. */
  constructor(clock: Clock, send: (signals: RtcSignal[]) => void) {
    this.#send = send
    this.#batch = new Batch(clock, MS.company, () => this.#flush())
  }

  push(signal: RtcSignal): void {
    const isDescription = 'sdp' in signal
    if (isDescription) {
      this.#told.clear()
      this.#said = []
    } else if (signal.type === 'candidate' && this.#isRepeated(signal.candidate)) return
    // The wish for an ICE restart is made anew for as long as the path is gone.
    if (!('iceRestart' in signal)) this.#said.push(signal)
    if (isDescription && !this.#open) return this.#first.resolve(signal)
    this.#waiting.push(signal)
    if (this.#open) this.#batch.schedule()
    // In Node, where a timer takes 1 ms at least: behind those that come with it.
    else if (this.#found) globalThis.setImmediate?.(this.#found)
  }

  /** The first description, with the candidates that are right behind it: one frame to sign, send and check, not two. */
  async description(): Promise<Description> {
    const description = await this.#first.promise
    // A hidden page's timers come a second late.
    if (!globalThis.document?.hidden)
      await new Promise<void>(resolve => {
        this.#found = resolve
        setTimeout(resolve)
      })
    const whole = withCandidates(description, this.#waiting)
    this.#said = [whole, ...this.#waiting]
    return whole
  }

  /** The first description has gone: the rest may follow. */
  open(): void {
    this.#open = true
    this.#flush()
  }

  /** Says the latest description and what followed it once more, or some of it: it may have been on a socket that broke. */
  repeat(which: (signal: RtcSignal) => boolean = () => true): void {
    this.#waiting = [...new Set([...this.#said.filter(which), ...this.#waiting])]
    this.#batch.schedule()
  }

  end(): void {
    this.#batch.end()
  }

  /**
   * Whether one with the same foundation was told (RFC 8445 section 5.1.1.3): libwebrtc gathers TCP again whenever another
   * connection of the process begins, and many at once would tell more than the remote takes.
   */
  #isRepeated({ candidate = '', sdpMid }: RTCIceCandidateInit): boolean {
    const [foundation, component, protocol] = candidate.split(' ', 3)
    const key = `${sdpMid} ${foundation} ${component} ${protocol}`
    return this.#told.size === this.#told.add(key).size
  }

  #flush(): void {
    if (this.#waiting.length > 0) this.#send(this.#waiting.splice(0))
  }
}
