import type { Clock } from 'socket-signal'
import type { CandidateFields } from './candidate.ts'
import type { Channels } from './channels.ts'
import { Lane } from './lane.ts'
import type { FakeNetwork } from './network.ts'
import type { Credentials } from './sdp.ts'

export interface RemoteParameters extends Credentials {
  fingerprint: string
}

export interface TransportOptions {
  network: FakeNetwork
  address: string
  /** Without it nothing ever times out. */
  clock: Clock | undefined
  /** Something about its states has changed. */
  onstate(): void
  /** Both ends are connected. */
  onconnected(): void
  /** The other end is gone. */
  onlost(): void
}

/** How long checks that lead nowhere, or a connection that is cut, may take, with a clock. As libwebrtc. Unit: ms. */
const FAIL_AFTER = 15_000

/** ICE and DTLS of one connection: finds the other end, proves its fingerprint, and carries things to it in order. */
export class FakeTransport {
  readonly fingerprint: string
  readonly address: string
  ice: 'new' | 'checking' | 'connected' | 'disconnected' | 'failed' | 'closed' = 'new'
  dtls: 'new' | 'connected' | 'failed' | 'closed' = 'new'
  partner: FakeTransport | undefined
  /** What it carries. */
  channels: Channels | undefined
  readonly lane = new Lane()
  readonly candidates: CandidateFields[] = []
  readonly remoteCandidates: CandidateFields[] = []
  /** Whether an offer has been answered, so that both sides know each other. */
  negotiated = false
  local: Credentials | undefined
  remote: RemoteParameters | undefined

  readonly #options: TransportOptions
  #checking = false
  #timer: unknown

  constructor(options: TransportOptions) {
    this.#options = options
    this.address = options.address
    this.fingerprint = options.network.fingerprint()
  }

  get connected(): boolean {
    return this.dtls === 'connected' && (this.ice === 'connected' || this.ice === 'disconnected')
  }

  setLocal(credentials: Credentials | undefined): void {
    if (credentials?.ufrag !== this.local?.ufrag) {
      this.candidates.length = 0
      // A restart is the way back from a failure.
      if (this.ice === 'failed') this.ice = 'new'
    }
    this.local = credentials
    if (credentials) this.#options.network.register(credentials.ufrag, this)
  }

  setRemote(remote: RemoteParameters): void {
    if (remote.ufrag !== this.remote?.ufrag) this.remoteCandidates.length = 0
    this.remote = remote
  }

  /** Checks once more, in a microtask: something has become known. */
  check(): void {
    if (this.#checking) return
    this.#checking = true
    queueMicrotask(() => {
      this.#checking = false
      this.#check()
    })
  }

  /** The network has changed. */
  update(): void {
    const { partner } = this
    if (!partner || this.dtls !== 'connected') return
    const reachable = this.#reaches(partner)
    if (!reachable && this.ice === 'connected') this.#both(partner, end => end.#cut())
    else if (reachable && this.ice === 'disconnected') this.#both(partner, end => end.#join())
  }

  close(): void {
    const { partner } = this
    if (this.dtls === 'connected' && partner) this.lane.push(() => partner.#lose(this))
    this.ice = this.dtls = 'closed'
    this.#disarm()
    this.#options.network.forget(this)
  }

  #check(): void {
    if (!this.#knows() || this.ice === 'closed' || this.ice === 'failed' || this.dtls === 'failed') return
    if (this.ice === 'new') {
      this.ice = 'checking'
      this.#arm()
      this.#options.onstate()
    }
    const other = this.#options.network.find((this.remote as RemoteParameters).ufrag)
    if (!other || other === this || !this.#accepts(other) || !other.#accepts(this)) return
    if (!this.#reaches(other)) {
      // What is connected keeps its old path.
      if (!this.connected) this.#both(other, end => end.#fail())
      return
    }
    this.#both(other, end => end.#pair(end === this ? other : this))
    if (this.dtls === 'connected') this.#both(other, end => end.#options.onconnected())
  }

  #knows(): boolean {
    return (
      this.negotiated &&
      this.local !== undefined &&
      this.remote !== undefined &&
      this.remoteCandidates.length > 0
    )
  }

  #accepts(other: FakeTransport): boolean {
    if (!this.#knows() || this.ice === 'closed' || this.ice === 'failed') return false
    if (this.partner && this.partner !== other) return false
    const { local } = other
    if (this.remote?.ufrag !== local?.ufrag || this.remote?.pwd !== local?.pwd) return false
    return this.remoteCandidates.some(({ address, port }) =>
      other.candidates.some(own => own.address === address && own.port === port)
    )
  }

  #reaches(other: FakeTransport): boolean {
    return this.#options.network.reachable(this.address, other.address)
  }

  #both(other: FakeTransport, act: (end: FakeTransport) => void): void {
    act(this)
    act(other)
  }

  /** ICE has found a path; DTLS goes by the fingerprints of both descriptions. */
  #pair(other: FakeTransport): void {
    if (this.ice === 'closed' || other.ice === 'closed') return
    this.partner = other
    this.#join(false)
    const proven =
      this.remote?.fingerprint === other.fingerprint && other.remote?.fingerprint === this.fingerprint
    this.dtls = proven ? 'connected' : 'failed'
    this.#options.onstate()
  }

  /** The other end may tell one that is closed: what that one sent before is on its way all the same. */
  #join(tell = true): void {
    if (this.ice !== 'closed') {
      this.ice = 'connected'
      this.#disarm()
      if (tell) this.#options.onstate()
    }
    this.lane.hold(false)
  }

  #cut(): void {
    this.lane.hold(true)
    if (this.ice === 'closed') return
    this.ice = 'disconnected'
    this.#arm()
    this.#options.onstate()
  }

  #fail(): void {
    if (this.ice === 'closed') return
    this.ice = 'failed'
    this.lane.hold(true)
    this.#disarm()
    this.#options.onstate()
  }

  #lose(other: FakeTransport): void {
    if (this.partner !== other || this.ice === 'closed') return
    this.partner = undefined
    this.#cut()
    this.#options.onlost()
  }

  #arm(): void {
    this.#disarm()
    this.#timer = this.#options.clock?.setTimeout(() => this.#fail(), FAIL_AFTER)
  }

  #disarm(): void {
    this.#options.clock?.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
