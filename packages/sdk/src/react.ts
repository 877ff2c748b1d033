/**
 * Hooks for React 18 and later. On a server, and until a page is hydrated, each gives the same.
 *
 * @module socket-signal-sdk/react
 */

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import {
  type JoinOptions,
  type Peer,
  SignalError,
  type SocketSignalClient,
  type Member as TopicMember,
  toKey,
  topicFromName
} from 'socket-signal'
import { openDevices, type State } from 'socket-signal-room'
import type { Member } from './members.ts'
import { RoomSession, type RoomSessionOptions } from './room-session.ts'

/** Something that a component shows: one object until it changes. */
class Store<T> {
  readonly #initial: T
  readonly #listeners = new Set<() => void>()
  #value: T

  constructor(initial: T) {
    this.#initial = initial
    this.#value = initial
  }

  readonly get = (): T => this.#value
  /** On a server, and until a page is hydrated, always the same. */
  readonly getInitial = (): T => this.#initial

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  set(value: T): void {
    this.#value = value
    for (const listener of [...this.#listeners]) listener()
  }

  reset(): void {
    if (this.#value !== this.#initial) this.set(this.#initial)
  }
}

function useStore<T>(initial: T): [value: T, store: Store<T>] {
  const [store] = useState(() => new Store(initial))
  return [useSyncExternalStore(store.subscribe, store.get, store.getInitial), store]
}

/** StrictMode begins each effect, ends it and begins it again at once: what was ended before its turn never began. */
function later(begin: (isOver: () => boolean) => () => void): () => void {
  let end: (() => void) | undefined
  let over = false
  queueMicrotask(() => {
    if (!over) end = begin(() => over)
  })
  return () => {
    over = true
    end?.()
  }
}

/** What `useRoom` shows; the same object until it changes. */
export interface RoomView {
  /** `idle` on a server and before the mount; `left` also when `join()` failed. */
  status: 'idle' | 'joining' | 'joined' | 'left'
  /** Everybody who is there, the local member too. */
  members: readonly Member[]
  /** The room's state, with its streams; none before the first change. */
  state?: State
  /** What join() failed with. */
  error?: unknown
  /** Why it was left: `kicked`, `token_expired`, or the code of an error. */
  reason?: string
  /** For what can be called. */
  session?: RoomSession
}

const NO_ROOM: RoomView = Object.freeze({ status: 'idle', members: Object.freeze([]) })

/**
 * Joins a room while the component is mounted, and leaves it behind it; `idle` until there is a token, or what gives one. Other
 * `token`, `credentials`, `client`, `server`, `room` or `name`: another join; anything else is read when it joins. Objects among them
 * must stay the same between renders.
 */
export function useRoom(options: RoomSessionOptions): RoomView {
  const [view, store] = useStore(NO_ROOM)
  const { token, credentials, client, server, room, name } = options
  const own = typeof client === 'object' ? client : undefined // One that is made is made when it joins.
  useEffect(() => {
    if (!token && !credentials && !own) return
    return later(isOver => {
      const session = new RoomSession(options)
      const show = (change: Partial<RoomView>) => {
        if (!isOver()) store.set({ ...store.get(), members: session.members, session, ...change })
      }
      session.on('state.changed', state => show({ state }))
      session.on('member.left', () => show({}))
      session.on('room.left', ({ reason }) => show({ status: 'left', reason }))
      show({ status: 'joining' })
      session.join().then(
        () => show({ status: 'joined' }),
        error => show({ status: 'left', error })
      )
      return () => {
        session.leave().catch(() => {}) // It has ended all the same.
        store.reset()
      }
    })
  }, [store, token, credentials, own, server, room, name])
  return view
}

const NO_PEERS: readonly Peer[] = Object.freeze([])

/** The peers of a client that are connected or on their way, all or those of a topic. */
export function usePeers(client: SocketSignalClient | undefined, topic?: Uint8Array): readonly Peer[] {
  const [peers, store] = useStore(NO_PEERS)
  const key = topic && toKey(topic)
  useEffect(() => {
    if (!client) return
    const closing = new Map<Peer, () => void>()
    const isMeant = (peer: Peer) => key === undefined || toKey(peer.topic) === key
    const show = () => {
      const all = client.peers.filter(isMeant)
      // Those too that were there before: nobody else tells that they have closed in order.
      for (const peer of all)
        if (!closing.has(peer))
          closing.set(
            peer,
            peer.once('close', () => gone(peer))
          )
      store.set(all)
    }
    const gone = (peer: Peer) => {
      closing.delete(peer)
      show()
    }
    const told = ({ peer }: { peer: Peer }) => {
      if (isMeant(peer)) show()
    }
    const stops = [
      client.on('peer-queue', told),
      client.on('peer-connecting', told),
      client.on('peer-connected', told)
    ]
    if (client.peers.some(isMeant)) show()
    return () => {
      for (const stop of [...stops, ...closing.values()]) stop()
      store.reset()
    }
  }, [client, key, store])
  return peers
}

/** What `useTopic` shows; the same object until it changes. */
export interface TopicView {
  /** `idle` on a server, before the mount, and without a client; `failed` also when a new token does not let in any more. */
  status: 'idle' | 'joining' | 'joined' | 'failed'
  /** Who else is there. */
  members: readonly TopicMember[]
  /** What joining failed with, or saying another `info`: then it is `joined` all the same. */
  error?: unknown
}

/** What is said and heard in a topic. */
export interface TopicOptions {
  /** What the others see of us: any JSON, at most 1,024 bytes of it. Another one is said where we stand. Absent: as it was. */
  info?: JoinOptions['info']
  /** Called with what others publish; may change between renders. */
  onMessage?: (data: unknown, from: Uint8Array) => void
}

const NO_TOPIC: TopicView = Object.freeze({ status: 'idle', members: Object.freeze([]) })

/** A topic of a client, which several components may show: who is there is told once, and it is left behind the last of them. */
interface Hall {
  hooks: number
  members: Map<string, TopicMember>
  info: unknown
  /** The last word, and the one that is to come and says what we have then. */
  said: Promise<unknown>
  saying?: Promise<unknown> | undefined
}

const HALLS = new WeakMap<SocketSignalClient, Map<string, Hall>>()

/** Gives what leaves it again, too. */
function enter(client: SocketSignalClient, topic: Uint8Array): [hall: Hall, leave: () => void] {
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
function say(client: SocketSignalClient, topic: Uint8Array, hall: Hall): Promise<unknown> {
  hall.saying ??= hall.said.then(async () => {
    hall.saying = undefined
    if (hall.hooks > 0) await client.join(topic, { watch: true, info: hall.info })
  })
  hall.said = hall.saying.catch(() => {}) // Told by whoever said it.
  return hall.saying
}

/**
 * Joins a topic, by its name or 32 bytes, while the component is mounted; gives who is there, and what publishes. Components
 * that show the same one share it; what the last of them says in `info` holds.
 */
export function useTopic(
  client: SocketSignalClient | undefined,
  topic: string | Uint8Array,
  { info, onMessage }: TopicOptions = {}
): TopicView & { publish: (data: unknown) => Promise<void> } {
  const [view, store] = useStore(NO_TOPIC)
  const key = typeof topic === 'string' ? topic : toKey(topic)
  const said = JSON.stringify(info)
  const latest = useRef({ info, onMessage })
  const again = useRef<(() => void) | undefined>(undefined)
  useEffect(() => {
    latest.current = { info, onMessage }
  })
  useEffect(() => again.current?.(), [said])
  useEffect(() => {
    if (!client) return
    return later(isOver => {
      let members = new Map<string, TopicMember>()
      const show = (change: Partial<TopicView>) => {
        if (!isOver()) store.set({ ...store.get(), members: [...members.values()], ...change })
      }
      const stops: (() => void)[] = []
      const join = async () => {
        const bytes = typeof topic === 'string' ? await topicFromName(topic) : topic
        if (isOver()) return
        const [hall, leave] = enter(client, bytes)
        members = hall.members
        const tell = () => {
          hall.info = latest.current.info ?? hall.info
          return say(client, bytes, hall).then(() => show({ status: 'joined', error: undefined }))
        }
        again.current = () => void tell().catch(error => show({ error }))
        const own = (event: { topic: Uint8Array }) => toKey(event.topic) === toKey(bytes)
        const put = (event: { topic: Uint8Array; id: Uint8Array }, change: Partial<TopicMember>) => {
          if (!own(event)) return
          const { id } = event
          members.set(toKey(id), { away: false, ...members.get(toKey(id)), id, ...change })
          show({})
        }
        stops.push(
          () => void (again.current = undefined),
          client.on('message', event => own(event) && latest.current.onMessage?.(event.data, event.id)),
          client.on('peer-joined', event => put(event, { info: event.info })),
          client.on('peer-updated', event => put(event, { info: event.info })),
          client.on('peer-away', event => put(event, { away: true })),
          client.on('peer-back', event => put(event, { away: false })),
          client.on('leave', event => {
            if (!own(event)) return
            members.clear()
            show({
              status: 'failed',
              error: new SignalError('NOT_JOINED', 'we are not in the topic any more')
            })
          }),
          client.on('peer-left', event => {
            if (!own(event)) return
            members.delete(toKey(event.id))
            show({})
          }),
          leave
        )
        await tell()
      }
      show({ status: 'joining' })
      join().catch(error => show({ status: 'failed', error }))
      return () => {
        for (const stop of stops) stop()
        store.reset()
      }
    })
  }, [client, key, store])
  const publish = useCallback(
    async (data: unknown) => {
      if (!client) throw new TypeError('there is no client yet')
      await client.publish(typeof topic === 'string' ? await topicFromName(topic) : topic, data)
    },
    [client, key]
  )
  return { ...view, publish }
}

/** What `useLocalMedia` shows; the same object until it changes. */
export interface MediaView {
  /** `idle` on a server, before the mount, and where nothing is wanted. */
  status: 'idle' | 'opening' | 'open' | 'failed'
  /** While it is `open`. */
  stream?: MediaStream
  /** As `openDevices` fails: NO_CAMERA, PERMISSION_DENIED, … */
  error?: unknown
}

const NO_MEDIA: MediaView = Object.freeze({ status: 'idle' })

/** Opens camera and microphone while the component is mounted; `false` opens none. Its tracks are stopped behind it. */
export function useLocalMedia(
  constraints: MediaStreamConstraints | false = { audio: true, video: true }
): MediaView {
  const [view, store] = useStore(NO_MEDIA)
  const said = JSON.stringify(constraints)
  useEffect(() => {
    const wanted = JSON.parse(said) as MediaStreamConstraints | false
    if (!wanted) return
    return later(isOver => {
      let stream: MediaStream | undefined
      const stop = () => {
        for (const track of stream?.getTracks() ?? []) track.stop()
      }
      store.set({ status: 'opening' })
      openDevices(wanted).then(
        opened => {
          stream = opened
          if (isOver()) stop()
          else store.set({ status: 'open', stream })
        },
        error => {
          if (!isOver()) store.set({ status: 'failed', error })
        }
      )
      return () => {
        stop()
        store.reset()
      }
    })
  }, [said, store])
  return view
}
