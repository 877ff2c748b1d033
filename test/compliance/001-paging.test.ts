import type { Room } from 'socket-signal-room'
import { fakeWrtc, type SimulatedPeer, simulate, type World } from 'socket-signal-testing'
import { enter, idOf, leave, rooms, sent, tracks } from '../tools/rooms.ts'
import { simulated } from '../tools/simulated.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const BOTH = { audio: true, video: true }
const CROWD = 12
const PAGES = 1000
const PAGE = 3

test('001.53 room: 12 page through one another’s streams 1,000 times, and nothing grows', {
  timeout: 170_000
}, async t => {
  const counts: string[] = []
  await simulate({ seed: 53, peers: CROWD, seconds: 0 }, async world => {
    const rooms = await enter(world)
    const media = fakeWrtc({ seed: 1 })
    for (const room of rooms) await room.addStream('self', tracks(media))
    const ids = rooms.map(idOf)
    await world.until(
      () => rooms.every(room => Object.keys(room.getState().streams).length === CROWD),
      'all are seen'
    )
    const turnTo = async (page: number) => {
      await Promise.all(
        rooms.map(async (room, at) => {
          const others = ids.filter((_, other) => other !== at)
          const shown = Array.from(
            { length: PAGE },
            (_, i) => others[(page * PAGE + i) % others.length] as string
          )
          const streams = Object.values(room.getState().streams)
          for (const { participantId, key, isConfigured } of streams)
            if (isConfigured && participantId !== ids[at]) await room.removeSubscription(participantId, key)
          await Promise.all(shown.map(id => room.addSubscription(id, 'self', BOTH)))
        })
      )
    }
    for (let page = 0; page < PAGES / 10; page++) await turnTo(page)
    counts.push(count(world))
    for (let page = PAGES / 10; page < PAGES; page++) await turnTo(page)
    counts.push(count(world))
    const configured = (room: Room) =>
      Object.values(room.getState().streams).filter(each => each.isConfigured).length
    t.same(
      rooms.map(configured),
      rooms.map(() => PAGE + 1),
      'each has its page, and its own'
    )
    await leave(rooms)
  })
  t.equal(
    counts[1],
    counts[0],
    'connections, lines, senders, listeners and timers after 1,000 pages as after 100'
  )
  t.comment(String(counts[0]))
})

simulated(
  'room: of 100 others 16 are shown at a time, page after page, and what is sent is the page (001.53)',
  async t => {
    const others = Array.from({ length: 100 }, () => ({ idleTimeout: 1000 }))
    const { rooms: all, rtc } = await rooms(t, { rooms: [...others, {}] })
    const viewer = all.pop() as Room
    for (const room of all) await room.addStream('self', tracks(rtc))
    await until(() => Object.keys(viewer.getState().streams).length === 100)
    const ids = all.map(idOf)
    const counts: number[][] = []
    for (let page = 0; page < 20; page++) {
      for (const { participantId, key, isConfigured } of Object.values(viewer.getState().streams))
        if (isConfigured) await viewer.removeSubscription(participantId, key)
      const shown = Array.from({ length: 16 }, (_, at) => ids[(page * 16 + at) % 100] as string)
      await Promise.all(shown.map(id => viewer.addSubscription(id, 'self', BOTH)))
      await until(() => sent(rtc).length === 32, `of page ${page} sound and pictures are sent`)
      const senders = rtc.connections.flatMap(each => each.getSenders())
      counts.push([rtc.open, rtc.connections.length, senders.length, sent(rtc).length])
    }
    t.same(counts.at(-1), counts.at(-11), `after 20 pages as after ten: ${counts.at(-1)}`)
  },
  { timeout: 120_000 }
)

/** What a room could leave behind, of all peers. */
function count(world: World): string {
  const of = (peer: SimulatedPeer) => {
    const connections = peer.client.peers.map(
      ({ stream }) => (stream as unknown as { _pc: RTCPeerConnection })._pc
    )
    const lines = connections.flatMap(connection => connection.getTransceivers())
    const stream = peer.client.peers[0]?.stream as unknown as {
      eventNames(): string[]
      listenerCount(name: string): number
    }
    const listeners = stream.eventNames().reduce((sum, name) => sum + stream.listenerCount(name), 0)
    return { connections: connections.length, lines: lines.length, listeners, timers: peer.timers }
  }
  return JSON.stringify([world.clock.pending, ...world.peers.map(of)])
}
