import type { Privacy } from './candidates.ts'
import type { ClientEvents } from './client-options.ts'
import type { Detour } from './detour.ts'
import type { Frame } from './frame.ts'
import type { IceSource } from './ice-source.ts'
import type { Crypto, Identity } from './identity.ts'
import type { Limiter } from './limiter.ts'
import type { Link } from './link.ts'
import type { Messages } from './messages.ts'
import type { Metadata, Peer, PeerHost, PeerOptions } from './peer.ts'
import type { Status } from './resource.ts'
import type { Seal, VerifyPolicy } from './seal.ts'
import type { OfferData } from './session.ts'

/** What a client's parts share: its state, its server, its events and its hooks. */
export interface Host extends PeerHost {
  readonly crypto: Crypto
  readonly verify: VerifyPolicy
  /** Known once the client opens; none where the id is a bare one. */
  identity: Identity | undefined
  /** Numbers from 0 to below 1. */
  random(): number
  /** Known once the client opens. */
  id: Uint8Array | undefined
  /** Made when the client opens or asks for a topic; nothing is sent or comes before it is open. */
  seal: Seal
  /** Made when the client opens or asks for a topic. */
  ice: IceSource
  /** Made when the client opens or asks for a topic. */
  messages: Messages | undefined
  /** The largest message that the server takes. Unit: bytes. */
  maxMessage: number
  readonly privacy: Privacy
  link: Link
  /** Other ways than the server's, if something stands on this client that knows any. */
  detour: Detour | undefined
  /** Unit: ms. */
  requestTimeout: number
  /** Default: `requestTimeout`. Unit: ms. */
  readonly connectTimeout: number | undefined
  /** How long a path may be gone before ICE is restarted. Unit: ms. */
  readonly grace: number
  /** Client metadata, under a peer's own. */
  readonly metadata: Metadata
  /** Settles when whoever waits for something that was given up has been told. */
  parting: Promise<void> | undefined
  readonly incoming: Limiter
  readonly outgoing: Limiter
  /** Opens the client, if nobody has. */
  open(): Promise<void>
  status(): Status
  /** Takes a frame that came for us. */
  receive(frame: Frame): void
  /** Dials anew where a connection was lost, if the app wants that. */
  renew(lost: Peer, simplePeer: PeerOptions['simplePeer']): unknown
  /** Counts a peer among the client's, and tells what becomes of it. */
  follow(peer: Peer): void
  emit<K extends keyof ClientEvents>(event: K, ...args: ClientEvents[K]): void
  hook(name: '_onOffer' | '_onAnswer' | '_onRemoteConnect', data: OfferData): unknown
  hook(name: '_onIncomingPeer', peer: Peer): unknown
}
