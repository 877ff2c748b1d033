import type { RtcSignal } from './rtc.ts'

/**
 * Which of this side's addresses peers and servers are told: `all`; `no-host`, none of the local network; `relay`,
 * only those of TURN servers, over which everything goes then.
 */
export type Privacy = 'all' | 'no-host' | 'relay'

/** Whose addresses are told. */
const TOLD = { 'no-host': / typ (?!host)/, relay: / typ relay/ }

/** What takes the addresses that are not to be told out of a signal; it gives undefined when nothing is left of it. */
export function createVeil(privacy: Exclude<Privacy, 'all'>): (signal: RtcSignal) => RtcSignal | undefined {
  // Without the address that a candidate stands for, and the default one of a description (RFC 8839 sections 5.1, 4.2).
  const keep = (line: string) =>
    TOLD[privacy].test(line) ? line.replace(/ raddr \S+ rport \d+/, ' raddr 0.0.0.0 rport 0') : ''
  return signal => {
    if (signal.type === 'candidate') {
      const candidate = keep(signal.candidate.candidate ?? '')
      return candidate ? { ...signal, candidate: { ...signal.candidate, candidate } } : undefined
    }
    if (!('sdp' in signal)) return signal
    return {
      ...signal,
      sdp: signal.sdp
        .replace(/^a=candidate:.*\r?\n/gm, keep)
        .replace(/^(c=|a=rtcp:\d+ )IN IP[46] \S+/gm, '$1IN IP4 0.0.0.0')
    }
  }
}
