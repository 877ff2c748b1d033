import { createRoom } from 'socket-signal-room'
import { fakeWrtc } from 'socket-signal-testing'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { basic, mintAt, minting, project } from '../tools/ready-made.ts'
import { idOf, rooms, sees, tracks } from '../tools/rooms.ts'
import { clientOptions } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

const grant = { topics: [{ name: 'lobby' }], can: ['join', 'lookup', 'offer', 'signal', 'publish'] }

test('room moderation: the server’s endpoints kick and censor, for the project alone', async t => {
  const { rtc, server, enter, call } = await ready(t)
  const [ada, bob] = [await enter(), await enter()]
  await sees(ada, 2)
  await ada.addStream('self', tracks(rtc))
  await until(() => bob.getParticipantStream(idOf(ada), 'self') !== undefined)
  const track = { participant_id: idOf(ada), key: 'self', kind: 'audio' }
  t.same(await call('censor', track), { status: 200, body: { data: { done: true } } })
  await until(() => bob.getParticipantStream(idOf(ada), 'self')?.isAudioCensored === true)
  t.same(await call('uncensor', track), { status: 200, body: { data: { done: true } } })
  t.same(await call('uncensor', track), { status: 200, body: { data: { done: false } } })
  t.equal((await call('censor', { ...track, kind: 'smell' })).status, 422)
  t.equal((await call('kick', { participant_id: 'nobody' })).status, 422)
  t.equal((await call('kick', track, 'wrong')).status, 401)
  t.same(await call('kick', track), { status: 200, body: { data: { done: true } } })
  await until(() => ada.getState().disconnectReason === 'kicked')
  t.same(server.moderation.stats(), { rooms: 0, censored: 0 })
})

test('room moderation: without a gate nobody moderates', async t => {
  const { alice, bob, rtc, server } = await rooms(t)
  await bob.addStream('self', tracks(rtc))
  await until(() => alice.getParticipantStream(idOf(bob), 'self') !== undefined)
  const { createModeration } = await import('socket-signal-room/server')
  const strict = createModeration()
  strict.attach(server)
  const msg = {
    id: new Uint8Array(32),
    topic: new Uint8Array(32),
    remoteId: new Uint8Array(32),
    data: { action: 'kick' }
  }
  const [connection] = server.connections
  const asking = (async () => strict.hooks.onModerate?.(connection as never, msg))()
  t.equal((await rejection(asking)).code, 'FORBIDDEN')
})

async function ready(t: Test) {
  const rtc = fakeWrtc()
  const made: ReturnType<typeof createRoom>[] = []
  t.teardown(async () => void (await Promise.all(made.map(room => room.disconnect()))))
  const { server } = await minting(t)
  const enter = async () => {
    const clientToken = await mintAt(server, '/tokens', grant)
    const client = (options: object) =>
      new SocketSignalWebsocketClient(server.signalUrl, { ...clientOptions(rtc), ...options })
    const room = createRoom({ client, room: 'lobby', clientToken })
    made.push(room)
    await room.connect()
    return room
  }
  const call = async (action: string, body: object, apiToken = project.apiToken) => {
    const headers = { authorization: basic({ ...project, apiToken }), 'content-type': 'application/json' }
    const response = await fetch(new URL(`rooms/lobby/actions/${action}`, server.url), {
      method: 'POST',
      headers,
      body: JSON.stringify(body)
    })
    return { status: response.status, body: await response.json() }
  }
  return { rtc, server, enter, call }
}
