import { MAX } from './bounds.ts'
import { SignalError } from './errors.ts'
import { type Description, iceUfrag, type RtcSignal } from './rtc.ts'

/** Descriptions and candidates in their order: what comes early waits, what comes late or twice is not taken. */
export class Negotiation {
  /** The ICE user names of both sides. */
  #own: string | undefined
  /** For others to read. */
  remote: string | undefined
  /** Our offer that has no answer yet. */
  #offer: { restarts: boolean } | undefined
  /** Whether we have asked for an offer that has yet to come. */
  #wished = false
  /** The remote's latest offer. */
  #heard = ''
  /** Whether we have answered it; for others to read. */
  answered = false
  #early: RtcSignal[] = []

  /** Whether an offer of ours has no answer yet, or our wish for one no offer. */
  get unanswered(): boolean {
    return this.#offer !== undefined || this.#wished
  }

  /** A signal of ours goes. */
  sent(signal: RtcSignal): void {
    if (isWish(signal)) this.#wished = true
    if (!('sdp' in signal)) return
    const ufrag = iceUfrag(signal.sdp)
    if (signal.type === 'offer') this.#offer = { restarts: this.#own !== undefined && this.#own !== ufrag }
    else this.answered = true
    this.#own = ufrag
  }

  /** Whether this is the remote's latest offer once more. */
  repeats(signal: RtcSignal): boolean {
    return signal.type === 'offer' && signal.sdp === this.#heard
  }

  /** What the connection may be told now. Throws INVALID_ARGUMENT for a description that would break it. */
  take(signal: RtcSignal): RtcSignal[] {
    if (signal.type === 'candidate') return this.#candidate(signal)
    if (!('sdp' in signal)) return [signal]
    const ufrag = iceUfrag(signal.sdp)
    if (signal.type === 'answer') {
      const stale = this.#offer?.restarts && ufrag === this.remote
      if (!this.#offer || stale) throw late()
      this.#offer = undefined
    } else if (this.#offer) throw late()
    else {
      this.#wished = false
      this.#heard = signal.sdp
      this.answered = false
    }
    this.remote = ufrag
    const early = this.#early.filter(each => ufragOf(each) === ufrag)
    this.#early = []
    return [signal, ...early]
  }

  #candidate(signal: RtcSignal): RtcSignal[] {
    const ufrag = ufragOf(signal)
    if (ufrag === undefined || ufrag === this.remote) return [signal]
    this.#early.push(signal)
    if (this.#early.length > MAX.ahead) this.#early.shift()
    return []
  }
}

/** Whether it asks who makes the offers for one. */
export function isWish({ type }: RtcSignal): boolean {
  return type === 'renegotiate' || type === 'transceiverRequest'
}

/** Takes candidates out of signals, and gives the description with each where its media is (RFC 8839 section 5.1). */
export function withCandidates(description: Description, signals: RtcSignal[]): Description {
  const parts = description.sdp.split(/^(?=m=)/m)
  const others = signals.splice(0).filter(signal => {
    const { candidate, sdpMLineIndex } = signal.type === 'candidate' ? signal.candidate : {}
    // What has no number says by `sdpMid` where it belongs; behind a line without an end nothing can be written.
    const at = (sdpMLineIndex ?? -1) + 1
    if (!candidate || !at || !parts[at]?.endsWith('\n')) return true
    parts[at] += `a=${candidate.replace(/ ufrag \S+/, '')}\r\n`
    return false
  })
  signals.push(...others)
  return { ...description, sdp: parts.join('') }
}

/** To which description a candidate belongs (RFC 8839 section 5.1 lets it say so). */
function ufragOf(signal: RtcSignal): string | undefined {
  return signal.type === 'candidate' ? / ufrag (\S+)/.exec(signal.candidate.candidate ?? '')?.[1] : undefined
}

function late(): SignalError {
  return new SignalError('INVALID_ARGUMENT', 'a description that nobody waits for any more')
}
