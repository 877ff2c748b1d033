import { type Peer, SignalError, toHex, toKey } from 'socket-signal'
import { fromKey, isObject } from 'socket-signal/wire'
import type { Failure } from './book.ts'
import { MS } from './bounds.ts'
import { Channel } from './channel.ts'
import type { Root } from './component.ts'
import { type Host, isOver, NAME, says } from './host.ts'
import type { Plea } from './mesh-host.ts'
import type { Neighbours } from './neighbours.ts'

export interface DialerHost extends Host {
  readonly neighbours: Neighbours
  /** The client is closed, so nothing can be dialed any more. */
  onend(): void
}

/** Connections on their way, this side's and others': each becomes a neighbour or has failed. */
export class Dialer {
  readonly #host: DialerHost
  /** Peers of ours, on their way or open. */
  readonly #peers = new Map<Peer, Channel | undefined>()
  /** Topics in which somebody is dialed who is on its way in another one: it is asked there. By id, then by topic. */
  readonly #behind = new Map<string, Map<string, Plea>>()

  constructor(host: DialerHost) {
    this.#host = host
  }

  /** Connects, or where there is a connection makes it one of this topic as well. */
  dial(topic: string, id: string, plea: Plea): void {
    const { client, mesh, neighbours } = this.#host
    const neighbour = neighbours.get(id)
    if (neighbour) return neighbours.ask(neighbour, topic, plea.needy === true)
    if (this.#isOnItsWay(id)) {
      const waiting = this.#behind.get(id) ?? new Map<string, Plea>()
      return void this.#behind.set(id, waiting.set(topic, plea))
    }
    const options = { dedupe: true, metadata: says(this.#host, plea) }
    const peer = this.#try(() => client.connect(fromKey(topic), fromKey(id), options))
    // Another connection of the app with this peer is none of a swarm.
    if (!peer || !this.#peers.has(peer)) mesh(topic)?.failed(id, 'failed')
  }

  /** Asks somebody whether it is of the same mesh; if it is not, it dials. */
  ask(topic: string, id: string, root: Root): void {
    const metadata = says(this.#host, { root: toHex(fromKey(root.id)) })
    this.#try(() => this.#host.client.remoteConnect(fromKey(topic), fromKey(id), { metadata }))
  }

  /** Gives up what is on its way in a topic: to one peer, or to all. */
  giveUp(topic: string, id?: string): void {
    for (const peer of [...this.#peers.keys()])
      if (!peer.connected && toKey(peer.topic) === topic && (id ?? toKey(peer.id)) === toKey(peer.id))
        peer.destroy()
  }

  /** Ends all connections, or those with one peer. Gives them. */
  end(id?: string): Peer[] {
    const peers = [...this.#peers.keys()].filter(peer => (id ?? toKey(peer.id)) === toKey(peer.id))
    for (const peer of peers) peer.destroy()
    return peers
  }

  /**
   * Two that dial each other in two topics: the dial of the smaller id stands, as core has it in one topic. Throws
   * GLARE_LOST where that is ours.
   */
  yield(id: string, topic: string): void {
    for (const peer of [...this.#peers.keys()]) {
      if (peer.connected || !peer.initiator || toKey(peer.id) !== id || toKey(peer.topic) === topic) continue
      if (toKey(this.#host.client.id) < id)
        throw new SignalError('GLARE_LOST', 'another offer stands', { retryable: true })
      peer.destroy()
    }
  }

  /** A peer is on its way: of this swarm if it was dialed, or let in, by it. */
  attach(peer: Peer): void {
    const { client, mesh } = this.#host
    if (!isObject(peer.metadata[NAME]) || !mesh(toKey(peer.topic))) return
    this.#peers.set(peer, undefined)
    peer.on('rtc', rtc => {
      this.#peers.set(peer, new Channel(rtc))
      if (peer.initiator && !client.connected) this.#hurry(peer)
    })
    peer.on('connect', () => this.#connected(peer))
    peer.on('close', () => this.#closed(peer))
  }

  /** With the server down, who was named may be dead: a dial to it must not take the place of another for long. */
  #hurry(peer: Peer): void {
    const { client, company } = this.#host
    const late = () => {
      if (!isObject(peer.remoteMetadata[NAME]) && !client.connected) peer.destroy()
    }
    const timer = company.clock.setTimeout(late, MS.answer)
    peer.on('close', () => company.clock.clearTimeout(timer))
  }

  /** A client that is closed throws. */
  #try(connect: () => Peer): Peer | undefined {
    try {
      const peer = connect()
      peer.ready().catch(() => {})
      return peer
    } catch (error) {
      if (!isOver(this.#host.client)) throw error
      queueMicrotask(() => this.#host.onend())
      return undefined
    }
  }

  #connected(peer: Peer): void {
    const { bans, mesh, neighbours } = this.#host
    const channel = this.#peers.get(peer)
    const isStranger = !isObject(peer.remoteMetadata[NAME]) || bans.has(toKey(peer.id))
    if (!channel || isStranger || !mesh(toKey(peer.topic))) return peer.destroy()
    if (!channel.there)
      return peer.destroy(
        new SignalError('UNSUPPORTED', 'a swarm needs an rtc with its RTCPeerConnection in _pc')
      )
    neighbours.open(peer, channel)
    this.#goOn(toKey(peer.id), 'crowded')
    // In other topics it may be known as well: what was dialed there in vain is tried on this connection.
    this.#host.wake()
  }

  #closed(peer: Peer): void {
    this.#peers.delete(peer)
    const how = failureOf(peer.error)
    if (!this.#host.neighbours.closed(peer)) this.#failed(peer, how)
    // Who is not in that topic may be in another one.
    this.#goOn(toKey(peer.id), how === 'gone' ? 'crowded' : how)
  }

  #failed({ id: bytes, topic: at }: Peer, how: Failure): void {
    const { mesh, neighbours } = this.#host
    const [id, topic] = [toKey(bytes), toKey(at)]
    // Another one of the same peer may be on its way, or open.
    for (const other of this.#peers.keys()) if (toKey(other.id) === id && toKey(other.topic) === topic) return
    if (neighbours.get(id)?.shared.has(topic)) return
    mesh(topic)?.missed(id)
    mesh(topic)?.failed(id, how)
  }

  #isOnItsWay(id: string): boolean {
    for (const { id: other, destroyed } of this.#peers.keys())
      if (!destroyed && toKey(other) === id) return true
    return false
  }

  /** What waited in other topics for a connection asks on it; where there is none in the end, it has failed as well. */
  #goOn(id: string, how: Failure): void {
    const { mesh, neighbours } = this.#host
    const waiting = this.#behind.get(id)
    const neighbour = neighbours.get(id)
    if (!waiting || (!neighbour && this.#isOnItsWay(id))) return
    this.#behind.delete(id)
    for (const [topic, { needy = false }] of waiting) {
      if (!mesh(topic)?.isDialing(id)) continue // It was left, or has come about.
      if (neighbour) neighbours.ask(neighbour, topic, needy)
      else mesh(topic)?.failed(id, how)
    }
  }
}

function failureOf(error: Error | null): Failure {
  const { code } = (error ?? {}) as { code?: string }
  if (code === 'LIMIT_SESSIONS' || code === 'GLARE_LOST') return 'crowded'
  return code === 'PEER_NOT_FOUND' ? 'gone' : 'failed'
}
