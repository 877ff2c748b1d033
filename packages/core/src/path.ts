import { MAX } from './bounds.ts'
import { SignalError } from './errors.ts'
import type { Rtc, RtcSignal } from './rtc.ts'
import type { Trace } from './trace.ts'

/** `host`: an address of a machine's own; `srflx` and `prflx`: as seen from outside; `relay`: a TURN server's. */
export type CandidateType = 'host' | 'srflx' | 'prflx' | 'relay'

/** The two candidates over which a connection runs. */
export interface Pair {
  /** This side's. */
  local: CandidateType
  /** The other side's. */
  remote: CandidateType
  /** `udp` or `tcp`, between this side and the remote or its TURN server. */
  protocol: string
  /** There and back. Unit: ms. */
  roundTrip?: number
}

/** What a STUN or TURN server, or the way to it, said no with; 701: nothing came back. */
export interface IceServerError {
  /** The server's, without credentials. */
  url: string
  /** As STUN has it (RFC 8489, section 14.8): 401 is a wrong or ended credential. */
  code: number
}

export interface PathOptions {
  trace: Trace
  /** There is nothing to offer the remote. */
  onnone(error: SignalError): void
  /** ICE is `connected`, `disconnected`, and so on. */
  onstate(state: RTCIceConnectionState): void
  /** Packets take another way than before. */
  onpair(pair: Pair): void
}

/** The way between two peers: watches the RTCPeerConnection below an Rtc, about which simple-peer says little. */
export class Path {
  /** Candidates of both sides, as far as they were told. */
  readonly local = new Set<string>()
  readonly remote = new Set<string>()
  readonly errors: IceServerError[] = []
  pair: Pair | undefined
  /** What identifies the pair. */
  #way = ''
  /** As simple-peer has read it: in Node, to ask for it again is to wait for another thread. */
  #state: RTCIceConnectionState = 'new'
  /** Whether all candidates have been found. */
  gathered = false
  // Another Rtc may have neither.
  readonly #pc: RTCPeerConnection | undefined
  /** As it was last given to the RTCPeerConnection; for others to read. */
  config: RTCConfiguration
  readonly #options: PathOptions

  constructor(rtc: Rtc, options: PathOptions) {
    const { _pc: pc, config = {} } = rtc as { _pc?: RTCPeerConnection; config?: RTCConfiguration }
    const { trace, onnone, onstate } = options
    this.#pc = pc
    this.config = config
    this.#options = options
    if (!pc) return
    trace.begin('gathering')
    pc.addEventListener('icecandidate', ({ candidate }) => keep(this.local, candidate?.candidate))
    pc.addEventListener('icecandidateerror', ({ errorCode: code, url }) => {
      if (this.errors.length < MAX.refusals) this.errors.push({ url: url || 'a TURN server', code })
    })
    rtc.on('iceStateChange', (state: RTCIceConnectionState, gathering: RTCIceGatheringState) => {
      const before = this.#state
      this.#state = state
      this.gathered = gathering === 'complete'
      if (this.gathered) {
        trace.end('gathering')
        // Events may come out of order: the description knows what there is.
        if (this.local.size === 0 && !/^a=cand/m.test(pc.localDescription?.sdp ?? ''))
          onnone(
            new SignalError('ICE_NO_CANDIDATES', 'no candidates: no network, or none that privacy lets out')
          )
      }
      if (state === before) return
      if (!trace.marks.has('checking') && state !== 'closed') trace.begin('checking')
      if (this.alive && !trace.marks.has('dtls')) trace.begin('dtls', 'checking')
      onstate(state)
    })
    pc.addEventListener('connectionstatechange', () => {
      if (trace.marks.has('open') || pc.connectionState !== 'connected') return
      trace.begin('open', 'dtls')
    })
  }

  /** Whether packets go through. */
  get alive(): boolean {
    return /^(connected|completed)$/.test(this.#state)
  }

  get servers(): RTCIceServer[] | undefined {
    return this.config.iceServers
  }

  /** Those that the next ICE restart asks. Some implementations keep what they have. */
  set servers(iceServers: RTCIceServer[]) {
    if (iceServers === this.servers) return
    this.config = { ...this.config, iceServers }
    this.#pc?.setConfiguration?.(this.config)
  }

  /** Where STUN and TURN servers are. */
  get urls(): string[] {
    return this.servers?.flatMap(server => server?.urls ?? []) ?? []
  }

  /** Counts what the remote told. */
  heard(signal: RtcSignal): void {
    const lines = 'sdp' in signal ? signal.sdp.match(/candidate:.*/g) : undefined
    for (const line of lines ?? []) keep(this.remote, line)
    if (signal.type === 'candidate') keep(this.remote, signal.candidate.candidate)
  }

  /** Looks which pair it is now; gives whether it is another one. */
  async look(): Promise<boolean> {
    const stats = (await this.#pc?.getStats().catch(() => undefined)) as Map<string, Stat> | undefined
    const found = stats && selected(stats)
    if (!found) return false
    const before = this.#way
    this.#way = found.way
    this.pair = found.pair
    const changed = before !== '' && before !== found.way
    if (changed) this.#options.onpair(found.pair)
    return changed
  }

  /** Puts the cause into an error: it names servers, never credentials. */
  explain(cause: Error): Error {
    const { code, message } = cause as SignalError
    const turn = this.urls.filter(url => /^turns?:/.test(url))
    const relayed = [...this.local].some(line => line.endsWith(' relay'))
    if (!/^(ICE_|CONNECT_TIMEOUT)/.test(code) || !turn.length || relayed) return cause
    const refused = this.errors.find(({ code }) => code === 401)
    return refused
      ? new SignalError(
          'TURN_AUTH',
          `${refused.url} refused its credentials: expired, or of a wrong secret`,
          {
            cause
          }
        )
      : new SignalError(code, `${message}; no relay candidate came from ${turn}`, { cause })
  }
}

/** The same candidate comes by itself and in a description. */
function keep(lines: Set<string>, line = ''): void {
  const known = / (\S+ \d+ typ (host|srflx|prflx|relay))/.exec(line)?.[1]
  if (known && lines.size < MAX.counted) lines.add(known)
}

type Stat = { [field: string]: unknown }

/** The pair in use: named by the transport, in Firefox by a flag of its own. */
function selected(stats: Map<string, Stat>): { pair: Pair; way: string } | undefined {
  let found: Stat | undefined
  stats.forEach(stat => {
    if (stat.type === 'transport') found ??= stats.get(stat.selectedCandidatePairId as string)
  })
  stats.forEach(stat => {
    if (stat.type === 'candidate-pair' && stat.selected) found ??= stat
  })
  const local = stats.get(found?.localCandidateId as string)
  const remote = stats.get(found?.remoteCandidateId as string)
  if (!found || !local || !remote) return undefined
  const pair: Pair = {
    local: local.candidateType as CandidateType,
    remote: remote.candidateType as CandidateType,
    protocol: String(local.relayProtocol ?? local.protocol)
  }
  const seconds = found.currentRoundTripTime
  if (typeof seconds === 'number') pair.roundTrip = Math.round(seconds * 1000)
  const way = [local, remote].map(({ address, ip, port }) => `${address ?? ip} ${port}`).join()
  return { pair, way }
}
