import { useCallback, useEffect, useRef } from 'react'
import {
  type JoinOptions,
  type Member,
  SignalError,
  type SocketSignalClient,
  toKey,
  topicFromName
} from 'socket-signal'
import { enter, say } from './hall.ts'
import { later, useStore } from './store.ts'

/** What `useTopic` shows; the same object until it changes. */
export interface TopicView {
  /** `idle` on a server, before the mount, and without a client; `failed` also when a new token does not let in any more. */
  status: 'idle' | 'joining' | 'joined' | 'failed'
  /** Who else is there. */
  members: readonly Member[]
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
      let members = new Map<string, Member>()
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
        const put = (event: { topic: Uint8Array; id: Uint8Array }, change: Partial<Member>) => {
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
            // What was left before is said to be left while this is being joined.
            if (!own(event) || store.get().status !== 'joined') return
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
