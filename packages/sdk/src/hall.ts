import { type Member, type SocketSignalClient, toKey } from 'socket-signal'

/** A topic of a client, which several components may show: who is there is told once, and it is left behind the last of them. */
export interface Hall {
  hooks: number
  members: Map<string, Member>
  info: unknown
  /** The last word, and the one that is to come and says what we have then. */
  said: Promise<unknown>
  saying?: Promise<unknown> | undefined
}

const HALLS = new WeakMap<SocketSignalClient, Map<string, Hall>>()

/** Gives what leaves it again, too. */
export function enter(client: SocketSignalClient, topic: Uint8Array): [hall: Hall, leave: () => void] {
  const key = toKey(topic)
  const halls = HALLS.get(client) ?? new Map<string, Hall>()
  const fresh = { hooks: 0, members: new Map(), info: undefined, said: Promise.resolve() }
  const hall: Hall = halls.get(key) ?? fresh
  HALLS.set(client, halls.set(key, hall))
  hall.hooks++
  const leave = () => {
    if (--hall.hooks > 0) return
    halls.delete(key)
    client.leave(topic).catch(() => {}) // It is closed, perhaps.
  }
  return [hall, leave]
}

/** Joins, or says something else: one after the other, or a slow server would take an earlier word for the last. */
export function say(client: SocketSignalClient, topic: Uint8Array, hall: Hall): Promise<unknown> {
  hall.saying ??= hall.said.then(async () => {
    hall.saying = undefined
    if (hall.hooks > 0) await client.join(topic, { watch: true, info: hall.info })
  })
  hall.said = hall.saying.catch(() => {}) // Told by whoever said it.
  return hall.saying
}
