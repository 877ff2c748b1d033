import type { Room } from 'socket-signal-room'
import { fakeWrtc, simulate } from 'socket-signal-testing'
import { enter, idOf, leave, tracks } from '../tools/rooms.ts'
import { test } from '../tools/test.ts'

const BOTH = { audio: true, video: true }

test('room: through faults of all kinds, everybody who is wanted comes back', {
  timeout: 170_000
}, async t => {
  for (const seed of [1, 2]) {
    await simulate({ seed, peers: 4, seconds: 20, faults: { crash: 0 } }, async world => {
      const rooms = await enter(world)
      const media = fakeWrtc({ seed })
      for (const room of rooms) await room.addStream('self', tracks(media))
      const [alice, ...others] = rooms as [Room, ...Room[]]
      await world.until(
        () => rooms.every(room => Object.keys(room.getState().streams).length === 4),
        'all are seen'
      )
      await Promise.all(others.map(room => room.addSubscription(idOf(alice), 'self', BOTH)))
      await world.storm()
      await world.until(
        () =>
          others.every(
            room =>
              room.getParticipantStream(idOf(alice), 'self')?.isConfigured === true || again(room, alice)
          ),
        'the pictures are back'
      )
      await leave(rooms)
    })
    t.pass(`seed ${seed}`)
  }
})

/** Who was taken for gone was told so, and subscribes anew. */
function again(room: Room, to: Room): false {
  const stream = room.getParticipantStream(idOf(to), 'self')
  if (stream && !stream.isConfigured) room.addSubscription(idOf(to), 'self', BOTH).catch(() => {})
  return false
}
