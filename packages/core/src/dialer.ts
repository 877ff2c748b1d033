import { assertPeer, equals, isZero } from './bytes.ts'
import type { ConnectOptions } from './client-options.ts'
import { assertMetadata, assertObject } from './codec.ts'
import { asError, SignalError } from './errors.ts'
import type { Host } from './host.ts'
import { Peer, type PeerHandle, type PeerOptions } from './peer.ts'
import type { Sessions } from './sessions.ts'

/** The peers of a client: dials them, at once or when it is open, and tells what becomes of them. */
export class Dialer {
  readonly #host: Host
  /** Until they are closed. */
  readonly all = new Set<Peer>()
  /** What is dialed before the client is open waits for it. */
  readonly #early: [handle: PeerHandle, dedupe: boolean][] = []
  #sessions: Sessions | undefined

  constructor(host: Host) {
    this.#host = host
  }

  /** Every peer that is connected or on its way. */
  get peers(): Peer[] {
    return [...this.all].filter(peer => !peer.destroyed)
  }

  /** Those of a topic. */
  in(topic: Uint8Array): Peer[] {
    return this.peers.filter(peer => equals(peer.topic, topic))
  }

  /** The client opens: what waits is dialed. */
  begin(sessions: Sessions): void {
    this.#sessions = sessions
    for (const dial of this.#early.splice(0)) sessions.dial(...dial)
  }

  /** Gives a peer at once. `initiator`: whether this side makes the offer. Throws `TypeError` and CLOSED. */
  connect(initiator: boolean, topic: Uint8Array, peerId: Uint8Array, options: ConnectOptions): Peer {
    const { metadata = {}, simplePeer = {}, signal } = options
    const { id, crypto } = this.#host
    assertPeer(topic, peerId)
    assertMetadata(metadata)
    assertObject(simplePeer, 'simplePeer')
    if (isZero(peerId) || (id && equals(peerId, id)))
      throw new TypeError('peerId must be the id of another peer')
    const status = this.#host.status()
    if (status === 'closing' || status === 'closed') throw closed()
    const dedupe = initiator && options.dedupe === true
    const there = this.in(topic).find(peer => equals(peer.id, peerId))
    if (dedupe && there) return there
    const sessionId = crypto.randomBytes(32)
    const made = { initiator, topic, id: peerId, sessionId, metadata, simplePeer }
    const handle = Peer.create(this.#host, made)
    const { peer } = handle
    const abort = () => peer.destroy(asError(signal?.reason))
    if (signal?.aborted) queueMicrotask(abort)
    signal?.addEventListener('abort', abort)
    peer.on('close', () => signal?.removeEventListener('abort', abort))
    this.follow(peer)
    if (this.#sessions) this.#sessions.dial(handle, dedupe)
    else {
      this.#early.push([handle, dedupe])
      this.#host.open().catch(error => {
        for (const [{ peer }] of this.#early.splice(0)) peer.destroy(error)
      })
    }
    return peer
  }

  /** Dials anew where a connection was lost, if the app wants that. */
  renew({ initiator, topic, id, metadata }: Peer, simplePeer: PeerOptions['simplePeer']): void {
    if (this.#host.status() === 'open')
      this.connect(initiator, topic, id, { metadata, simplePeer: { ...simplePeer }, dedupe: true })
  }

  /** Counts a peer among the client's, and tells what becomes of it. */
  follow(peer: Peer): void {
    const { emit } = this.#host
    this.all.add(peer)
    peer.on('connect', () => emit('peer-connected', { peer }))
    peer.on('error', error => emit('peer-error', { error, peer }))
    peer.on('close', () => this.all.delete(peer))
    emit('peer-queue', { peer })
  }
}

export function closed(): SignalError {
  return new SignalError('CLOSED', 'the client is closed', { retryable: false })
}
