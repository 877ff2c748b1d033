import { useEffect } from 'react'
import type { State } from 'socket-signal-room'
import type { Member } from './members.ts'
import { RoomSession, type RoomSessionOptions } from './room-session.ts'
import { later, useStore } from './store.ts'

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
