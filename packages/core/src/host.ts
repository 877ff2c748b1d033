import type { ClientEvents } from './client.ts'
import type { Clock } from './clock.ts'
import type { SignalError } from './errors.ts'
import type { Frame, Unknown } from './frame.ts'
import type { Crypto } from './identity.ts'
import type { Metadata, Peer } from './peer.ts'
import type { RequestOptions, Rpc } from './rpc.ts'
import type { Rtc } from './rtc.ts'
import type { Seal } from './seal.ts'
import type { OfferData } from './session.ts'

export interface AskOptions extends Partial<RequestOptions> {
  /** Not again when the socket broke. */
  once?: boolean
}

/** What a client's parts share: its state, its server, its events and its hooks. */
export interface Host {
  readonly clock: Clock
  readonly crypto: Crypto
  /** Known once the client opens. */
  id: Uint8Array | undefined
  /** Made when the client opens; nothing is sent or comes before. */
  seal: Seal
  /** Unit: ms. */
  requestTimeout: number
  /** Unit: ms. */
  connectTimeout(): number
  /** Client metadata, under a peer's own. */
  metadata(): Metadata
  createRtc(initiator: boolean, simplePeer: { [option: string]: unknown }, streams: MediaStream[]): Rtc
  /** The socket that is there. */
  rpc(): Rpc | undefined
  /** A socket on which hello has gone, with room for `size` bytes behind it. Default timeout: `requestTimeout`. */
  usable(signal?: AbortSignal, timeout?: number, size?: number): Promise<Rpc>
  /** Sends a request, again when the socket broke and came back, until the deadline: `requestTimeout` by default. */
  ask(frame: Exclude<Frame, Unknown>, options?: AskOptions): Promise<Frame>
  emit<K extends keyof ClientEvents>(event: K, ...args: ClientEvents[K]): void
  /** Something of a remote or of the server was left out of account. */
  dropped(error: SignalError, id: Uint8Array): void
  hook(name: '_onOffer' | '_onAnswer' | '_onRemoteConnect', data: OfferData): unknown
  hook(name: '_onIncomingPeer', peer: Peer): unknown
}
