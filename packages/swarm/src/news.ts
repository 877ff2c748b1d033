import { toKey, type Unsubscribe } from 'socket-signal'
import type { Dialer } from './dialer.ts'
import { type Host, isOver } from './host.ts'
import type { Neighbours } from './neighbours.ts'

export interface NewsHost extends Host {
  readonly neighbours: Neighbours
  readonly dialer: Dialer
  /** The client is closed. */
  onend(): void
  /** A topic was left, perhaps by a call of this swarm's. */
  onleave(topic: Uint8Array): void
}

/** Brings what the client tells where it belongs. Gives what ends that. */
export function listen({
  client,
  neighbours,
  dialer,
  onend,
  onleave,
  wake,
  ...host
}: NewsHost): Unsubscribe[] {
  const mesh = (topic: Uint8Array) => host.mesh(toKey(topic))
  return [
    client.on('peer-queue', ({ peer }) => dialer.attach(peer)),
    client.on('connected', () => {
      neighbours.followAll()
      wake()
    }),
    client.on('disconnected', () => isOver(client) && onend()),
    client.on('leave', ({ topic }) => onleave(topic)),
    client.on('join', ({ topic, peers }) => {
      for (const key of keysOf(peers)) mesh(topic)?.found(key)
    }),
    client.on('lookup', ({ topic, peers }) => {
      for (const key of keysOf(peers)) mesh(topic)?.sampled(key)
    }),
    client.on('peer-joined', ({ topic, id }) => mesh(topic)?.found(toKey(id), true)),
    client.on('peer-back', ({ topic, id }) => mesh(topic)?.found(toKey(id))),
    client.on('peer-left', ({ topic, id }) => {
      mesh(topic)?.lost(toKey(id))
      neighbours.doubt(toKey(id))
    }),
    client.on('peer-away', ({ id }) => neighbours.doubt(toKey(id)))
  ]
}

/** A custom server may answer something else. */
function keysOf(peers: unknown): string[] {
  return (Array.isArray(peers) ? peers : []).flatMap(id => (id instanceof Uint8Array ? toKey(id) : []))
}
