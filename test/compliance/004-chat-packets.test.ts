import {
  CANDIDATE,
  chatServer,
  Guide,
  OFFER,
  OTHER_ROOM,
  type Packet,
  ROOM,
  SDP,
  tokenOf
} from '../tools/chat.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { makeClient } from '../tools/websocket.ts'

test('004.8 chat: packets are UTF-8 text of { type, data }; binary is refused', async t => {
  const { url } = await chatServer(t)
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  const kinds: boolean[] = []
  bob.socket.on('message', (_data, isBinary) => kinds.push(isBinary))
  ada.send({ type: 'note', text: 'grüße 🎈' })
  await bob.until(({ type }) => type === 'webrtc.signal')
  t.deepEqual(bob.signals[0].data, { text: 'grüße 🎈' })
  t.ok(kinds.length > 0 && kinds.every(isBinary => !isBinary))
  for (const packet of bob.packets) t.deepEqual(Object.keys(packet), ['type', 'data'])
  ada.socket.send(Buffer.from('{"type":"note"}'), { binary: true })
  await until(() => ada.closed === 1003)
})

test('004.9 chat: on connect the server tells who one is, where, when, and who else is there', async t => {
  const { url } = await chatServer(t)
  await Guide.join(t, url, 'ada')
  await Guide.join(t, url, 'ada')
  const bob = await Guide.join(t, url, 'bob')
  const [{ type, data }] = bob.packets as [Packet]
  t.equal(type, 'webrtc')
  t.deepEqual([data.userId, data.roomId, data.message], ['bob', ROOM, 'Connected to call...'])
  t.equal(new Date(data.timestamp).toISOString(), data.timestamp)
  t.deepEqual(data.participants, [{ id: 'ada', name: 'ADA', nick: 'ADA' }], 'each user once')
})

test('chat: those who are there are told who comes and who goes, by the last of its sockets', async t => {
  const { url } = await chatServer(t)
  const ada = await Guide.join(t, url, 'ada')
  const [bob, tab] = [await Guide.join(t, url, 'bob'), await Guide.join(t, url, 'bob')]
  const events = () => ada.packets.slice(1).map(({ data }) => `${data.event} ${data.userId}`)
  await until(() => events().length === 1)
  bob.socket.close()
  await until(() => bob.closed !== undefined)
  const carol = await Guide.join(t, url, 'carol')
  tab.socket.terminate()
  await until(() => events().length === 3)
  t.deepEqual(events(), ['joined bob', 'joined carol', 'left bob'])
  t.deepEqual(
    carol.packets.map(({ data }) => data.event),
    ['connected', 'left']
  )
})

test('004.10 chat: a client sends no more than the type and the data', async t => {
  const { url } = await chatServer(t)
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  ada.send({ type: 'offer', offer: OFFER })
  ada.send({ type: 'answer', answer: { type: 'answer', sdp: SDP }, to: 'bob' })
  ada.send({ type: 'ice-candidate', candidate: CANDIDATE })
  ada.send({ type: 'offer', data: { offer: OFFER } })
  ada.send({ type: 'webrtc.signal', data: { type: 'offer', data: { offer: OFFER } } })
  await until(() => bob.signals.length === 5)
  const sent = bob.signals.map(({ type, data }) => [type, Object.keys(data)])
  t.deepEqual(sent.slice(0, 3), [
    ['offer', ['offer']],
    ['answer', ['answer']],
    ['ice-candidate', ['candidate']]
  ])
  t.deepEqual(sent.slice(3), [
    ['offer', ['offer']],
    ['offer', ['offer']]
  ])
})

test('004.11 004.b chat: the server wraps it, in camelCase', async t => {
  const { url } = await chatServer(t)
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  ada.send({ type: 'offer', offer: OFFER, to: 'bob' })
  ada.send({ type: 'ice-candidate', candidate: CANDIDATE })
  await until(() => bob.signals.length === 2)
  const [first, second] = bob.signals
  t.deepEqual(Object.keys(first), ['type', 'data', 'to', 'senderAccountId', 'senderInfo'])
  t.deepEqual([first.type, first.data, first.to], ['offer', { offer: OFFER }, 'bob'])
  t.deepEqual(Object.keys(second), ['type', 'data', 'senderAccountId', 'senderInfo'])
  t.deepEqual(second.data, { candidate: CANDIDATE })
})

test('004.12 chat: who sent it is the server’s word, whatever the client says', async t => {
  const profile = { bio: 'counts' }
  const account = (token: string) => ({
    id: JSON.parse(atob(token.split('.')[1] ?? '')).sub,
    nick: 'A',
    profile
  })
  for (const chat of [{}, { account }]) {
    const { url } = await chatServer(t, chat)
    const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
    const lies = {
      senderAccountId: 'eve',
      SenderAccountId: 'eve',
      senderInfo: { id: 'eve' },
      SenderInfo: { id: 'eve' }
    }
    ada.send({ type: 'offer', offer: OFFER, ...lies })
    ada.send({ type: 'note', ...lies, data: { x: 1 } })
    ada.send({ type: 'webrtc.signal', data: { type: 'note', ...lies }, ...lies })
    ada.send({ type: 'offer', offer: OFFER, to: 'bob', ...lies })
    await until(() => bob.signals.length === 4)
    for (const { senderAccountId, senderInfo, data } of bob.signals) {
      t.equal(senderAccountId, 'ada')
      t.deepEqual(Object.keys(senderInfo), ['id', 'name', 'nick', 'profile', 'updatedAt'])
      t.equal(senderInfo.id, 'ada')
      t.notOk(JSON.stringify(data).includes('eve'))
      if ('account' in chat) t.deepEqual([senderInfo.nick, senderInfo.profile], ['A', profile])
      else t.deepEqual([senderInfo.name, senderInfo.nick], ['ADA', 'ADA'])
      t.ok(!Number.isNaN(Date.parse(senderInfo.updatedAt)))
    }
  }
})

test('chat: a client of ours in the same topic can pass for nobody', async t => {
  const { server, url } = await chatServer(t)
  const bob = await Guide.join(t, url, 'bob')
  const { topicOfChat, whoseOf, markOf } = await import('socket-signal-gateway')
  const token = await tokenOf('eve', [ROOM], { can: ['join', 'publish', 'lookup'] })
  const eve = makeClient(t, server.url, { token })
  const topic = await topicOfChat(ROOM)
  await eve.join(topic, { info: { chat: { id: 'ada', name: 'Ada' } } as never })
  t.ok(markOf('chat') && whoseOf('chat', 'ada'))
  await eve.publish(topic, {
    type: 'webrtc.signal',
    data: { type: 'note', data: {}, senderAccountId: 'ada' }
  })
  const carol = await Guide.join(t, url, 'carol')
  carol.send({ type: 'note' })
  await until(() => bob.signals.length === 1)
  t.equal(bob.signals[0].senderAccountId, 'carol')
  t.deepEqual(
    carol.packets[0]?.data.participants.map(({ id }: { id: string }) => id),
    ['bob']
  )
})

test('004.13 004.c chat: everybody in the room hears it but who sent it, and in order', async t => {
  const { url } = await chatServer(t)
  const ada = await Guide.join(t, url, 'ada')
  const others = [await Guide.join(t, url, 'bob'), await Guide.join(t, url, 'carol')]
  const tab = await Guide.join(t, url, 'ada')
  for (let n = 0; n < 60; n++) ada.send({ type: 'note', n })
  for (const other of others) {
    await until(() => other.signals.length === 60)
    t.deepEqual(
      other.signals.map(({ data }) => data.n),
      Array.from({ length: 60 }, (_, n) => n)
    )
  }
  t.deepEqual([ada.signals, tab.signals], [[], []], 'no echo, by no socket of the sender')
})

test('004.14 chat: with `to` one user hears it, on all sockets; of somebody who is not there one is told', async t => {
  const { url } = await chatServer(t)
  const ada = await Guide.join(t, url, 'ada')
  const tabs = [await Guide.join(t, url, 'bob'), await Guide.join(t, url, 'bob')]
  const carol = await Guide.join(t, url, 'carol')
  for (let n = 0; n < 40; n++) ada.send({ type: 'note', n, to: n % 2 ? 'bob' : 'carol' })
  for (const tab of [...tabs, carol]) await until(() => tab.signals.length === 20)
  for (const tab of tabs)
    t.deepEqual(
      tab.signals.map(({ data }) => data.n),
      Array.from({ length: 20 }, (_, n) => 2 * n + 1)
    )
  t.ok(carol.signals.every(({ to }) => to === 'carol'))
  const large = { type: 'offer', sdp: SDP + 'a=x\r\n'.repeat(6000) }
  ada.send({ type: 'offer', offer: large, to: 'carol' })
  await until(() => carol.signals.length === 21, 'an offer of 36 KB')
  ada.send({ type: 'offer', offer: OFFER, to: 'nobody' })
  const { data } = await ada.until(({ type }) => type === 'error')
  t.deepEqual([data.code, data.to], ['PEER_NOT_FOUND', 'nobody'])
  ada.send({ type: 'note', to: 'ada' })
  await until(() => ada.errors.length === 2, 'oneself is another socket of one’s own, if there is one')
  t.equal(tabs[0]?.signals.length, 20)
})

test('004.15 chat: words of the app’s own are passed on; what is no word is refused', async t => {
  const { url } = await chatServer(t)
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  for (const type of ['hang-up', 'x1']) ada.send({ type, why: 'late' })
  for (const type of ['Offer', '', '-x', 'a'.repeat(33), 5, null, 'constructor__', { a: 1 }])
    ada.send({ type })
  await until(() => ada.errors.length === 8)
  t.deepEqual(new Set(ada.errors), new Set(['INVALID_ARGUMENT']))
  t.deepEqual(
    bob.signals.map(({ type, data }) => [type, data]),
    [
      ['hang-up', { why: 'late' }],
      ['x1', { why: 'late' }]
    ]
  )
})

test('004.16 chat: a room hears nothing of another', async t => {
  const { url } = await chatServer(t)
  const elsewhere = url.replace(ROOM, OTHER_ROOM)
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  const carol = new Guide(t, elsewhere, await tokenOf('carol', [OTHER_ROOM]))
  const twin = new Guide(t, elsewhere, await tokenOf('bob', [OTHER_ROOM]))
  await Promise.all([carol, twin].map(each => each.until(({ data }) => data.event === 'connected')))
  ada.send({ type: 'note' })
  ada.send({ type: 'note', to: 'carol' })
  ada.send({ type: 'note', to: 'bob' })
  await until(() => bob.signals.length === 2 && ada.errors.length === 1)
  carol.send({ type: 'note', to: 'bob' })
  await until(() => twin.signals.length === 1)
  t.deepEqual([carol.signals.length, twin.signals[0].senderAccountId], [0, 'carol'])
  t.deepEqual(
    twin.packets.filter(({ data }) => data.userId === 'ada'),
    []
  )
})

test('004.a chat: packets are called webrtc.signal, or signaling if so wanted', async t => {
  for (const packetType of ['webrtc.signal', 'signaling'] as const) {
    const { url } = await chatServer(t, { packetType })
    const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
    ada.send({ type: packetType, data: { type: 'offer', data: { offer: OFFER } } })
    const { data } = await bob.until(({ type }) => type === packetType)
    t.deepEqual([data.data, data.senderAccountId, data.senderInfo.nick], [{ offer: OFFER }, 'ada', 'ADA'])
    const { SenderAccountId, SenderInfo } = data
    const sample = packetType === 'signaling' ? ['ada', data.senderInfo] : [undefined, undefined]
    t.deepEqual([SenderAccountId, SenderInfo], sample, 'as the sample code of the guide reads it')
  }
})

test('004.d chat: a description is SDP as text, or an object', async t => {
  const { url } = await chatServer(t)
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  for (const offer of [SDP, OFFER]) ada.send({ type: 'offer', offer })
  for (const offer of [
    '',
    'hello',
    { type: 'answer', sdp: SDP },
    { type: 'offer' },
    { sdp: SDP },
    [SDP],
    null,
    7
  ])
    ada.send({ type: 'offer', offer })
  await until(() => ada.errors.length === 8)
  t.deepEqual(
    bob.signals.map(({ data }) => data.offer),
    [SDP, OFFER]
  )
})
