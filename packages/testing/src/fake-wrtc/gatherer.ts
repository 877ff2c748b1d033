import type { Clock } from 'socket-signal'
import { type CandidateFields, candidateLine, FakeIceCandidate } from './candidate.ts'
import type { FakeNetwork } from './network.ts'
import { withCandidates } from './sdp.ts'
import type { FakeTransport } from './transport.ts'

export interface GathererOptions {
  network: FakeNetwork
  transport: FakeTransport
  configuration: RTCConfiguration
  clock: Clock | undefined
  /** How long all but the first candidate take. Unit: ms of `clock`. */
  takes: number
  onstate(): void
  /** `null` is the last one. */
  oncandidate(candidate: FakeIceCandidate | null): void
}

/** Candidates of each gathering. */
const COUNT = 2

/** Finds the candidates of one connection: anew for each ICE user name. */
export class Gatherer {
  state: RTCIceGatheringState = 'new'
  readonly #options: GathererOptions
  #ufrag = ''
  #lines: string[] = []
  #timer: unknown

  constructor(options: GathererOptions) {
    this.#options = options
  }

  start(): void {
    const { transport, clock, takes, oncandidate } = this.#options
    const ufrag = transport.local?.ufrag
    if (!ufrag || ufrag === this.#ufrag) return
    this.#ufrag = ufrag
    this.#lines = []
    this.close()
    this.#enter('gathering')
    const found = (fields: CandidateFields) => {
      const candidate = candidateLine(fields, ufrag)
      this.#lines.push(candidate)
      transport.candidates.push(fields)
      oncandidate(new FakeIceCandidate({ candidate, sdpMid: '0', sdpMLineIndex: 0 }))
    }
    const own = this.#own()
    own.splice(0, 1).forEach(found)
    const finish = () => {
      own.forEach(found)
      this.#enter('complete')
      oncandidate(null)
    }
    if (takes > 0 && clock) this.#timer = clock.setTimeout(finish, takes)
    else finish()
  }

  /** What was found is of no use any more: the offer that it was found for was taken back. */
  reset(): void {
    this.close()
    this.#ufrag = ''
    if (this.state !== 'new') this.#enter('new')
  }

  close(): void {
    this.#options.clock?.clearTimeout(this.#timer)
  }

  /** The description as it is shown: with what was found for it. */
  describe<Sdp extends { sdp: string }>(description: Sdp | null): Sdp | null {
    if (!description || !this.#ufrag || !description.sdp.includes(`a=ice-ufrag:${this.#ufrag}`))
      return description
    return { ...description, sdp: withCandidates(description.sdp, this.#lines, this.state === 'complete') }
  }

  #enter(state: RTCIceGatheringState): void {
    this.state = state
    this.#options.onstate()
  }

  /** Behind a relay alone, the addresses of TURN servers; there are none without one. */
  #own(): CandidateFields[] {
    const { network, transport, configuration } = this.#options
    const { iceTransportPolicy, iceServers = [] } = configuration
    const relayed = iceTransportPolicy === 'relay'
    if (relayed && !iceServers.some(({ urls }) => [urls].flat().some(url => url.startsWith('turn'))))
      return []
    return Array.from({ length: COUNT }, () => ({
      address: relayed ? '203.0.113.1' : transport.address,
      port: network.nextPort(),
      protocol: 'udp',
      type: relayed ? 'relay' : 'host'
    }))
  }
}
