import { once } from 'node:events'
import { createServer } from 'node:https'
import fc from 'fast-check'
import { type Backplane, MemoryBackplane, MemoryCluster } from 'socket-signal'
import { createChatDoor, createGateway } from 'socket-signal-gateway'
import { WebSocket } from 'ws'
import { selfSigned } from '../tools/cert.ts'
import {
  bearer,
  chatServer,
  empty,
  Guide,
  OTHER_ROOM,
  type Packet,
  ROOM,
  statusOf,
  tokenOf,
  tokens
} from '../tools/chat.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { get, makeClient, startServer, upgrade } from '../tools/websocket.ts'

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n'
const OFFER = { type: 'offer', sdp: SDP }
const CANDIDATE = { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }

test('004.1 chat: a WebSocket at /api/chat/realtime/{GUID}, ws or wss; the base path is an option', async t => {
  const { server, url } = await chatServer(t)
  const token = await tokenOf('ada')
  const ada = new Guide(t, url, token)
  await once(ada.socket, 'open')
  const upper = new Guide(t, url.replace(ROOM, ROOM.toUpperCase()), await tokenOf('bob'))
  const { data } = await upper.until(({ data }) => data.event === 'connected')
  t.deepEqual(
    data.participants.map(({ id }: { id: string }) => id),
    ['ada'],
    'a GUID has no case'
  )
  t.equal(await statusOf(`${server.url}/api/chat/realtime/lobby`, bearer(token)), 400, 'no GUID')
  const http = createServer(selfSigned())
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void http.close())
  const sphere = createGateway([createChatDoor({ base: '/sphere', dev: true })])
  await startServer(t, { server: http, gateway: sphere })
  const { port } = http.address() as { port: number }
  const secure = new Guide(t, `wss://127.0.0.1:${port}/sphere/chat/realtime/${ROOM}?user=ada`, undefined, {
    rejectUnauthorized: false
  })
  t.equal((await secure.until(({ type }) => type === 'webrtc')).data.userId, 'ada')
})

test('004.2 chat: what is no WebSocket request is told 400', async t => {
  const { url } = await chatServer(t)
  t.equal((await get(url)).status, 400)
  t.equal((await get(url, {}, 'POST')).status, 400)
  const headers = { ...upgrade(''), ...bearer(await tokenOf('ada')) }
  t.equal((await get(url, { ...headers, Upgrade: 'h2c' })).status, 400)
  t.equal((await get(url, { ...headers, 'Sec-WebSocket-Key': 'short' })).status, 400)
})

test('004.3 chat: without a token, or with one that is none, of another, old or revoked: 401', async t => {
  const { url, gate } = await chatServer(t)
  const good = await tokenOf('ada')
  const forged = `${good.split('.')[0]}.${Buffer.from('{"sub":"eve"}').toString('base64url')}.${good.split('.')[2]}`
  for (const token of ['', 'x', 'a.b.c', forged, `${good}x`, 'x'.repeat(9000)])
    t.equal(await statusOf(url, bearer(token)), 401, token.slice(0, 10))
  t.equal(await statusOf(url), 401)
  const nameless = await tokens.mint({ topics: '*', can: ['join', 'publish'] })
  t.equal(await statusOf(url, bearer(nameless)), 401, 'a token of nobody')
  gate.revoke({ sub: 'ada' })
  t.equal(await statusOf(url, bearer(good)), 401)
  const open = await startServer(t, { gateway: createGateway([createChatDoor()]) })
  const there = `${open.url}/api/chat/realtime/${ROOM}`
  t.equal(await statusOf(there, bearer(good)), 401, 'a server that checks no tokens believes none')
})

test('004.4 chat: a token that lets in elsewhere, or nowhere: 403; so does who is no member', async t => {
  const { url } = await chatServer(t)
  t.equal(await statusOf(url, bearer(await tokenOf('ada', [OTHER_ROOM]))), 403)
  t.equal(await statusOf(url, bearer(await tokenOf('ada', [ROOM], { can: ['lookup'] }))), 403)
  const asked: string[] = []
  const hooked = await chatServer(t, {
    isMember: (account, chat) => {
      asked.push(`${account} ${chat}`)
      if (account === 'broken') throw new Error('the database is down')
      return account === 'ada' || (1 as never)
    }
  })
  t.equal(await statusOf(hooked.url, bearer(await tokenOf('bob'))), 403, 'yes is true alone')
  t.equal(await statusOf(hooked.url, bearer(await tokenOf('broken'))), 403)
  t.deepEqual(asked, [`bob ${ROOM}`, `broken ${ROOM}`])
  t.equal(await statusOf(hooked.url, bearer('x')), 401, 'who has no token is not asked about')
  const ada = new Guide(t, hooked.url, await tokenOf('ada', []))
  await ada.until(({ type }) => type === 'webrtc')
  t.equal(asked.length, 3, 'the hook decides, whatever the topics of the token')
  await empty((await chatServer(t)).server)
})

test('004.5 chat: the token comes in a header, a subprotocol or a cookie, never in the query', async t => {
  const { url } = await chatServer(t, {}, { cookie: 'sid' })
  const token = await tokenOf('ada')
  t.equal(await statusOf(`${url}?token=${token}&access_token=${token}`), 401)
  const page = { Origin: new URL(url).origin.replace('ws', 'http'), Cookie: `a=b; sid=${token}` }
  for (const [protocols, headers, chosen] of [
    [[], { Authorization: `Bearer ${token}` }, ''],
    [[`bearer.${token}`], {}, `bearer.${token}`],
    [[`bearer.${token}`, 'chat'], {}, 'chat'],
    [[], page, '']
  ] as const) {
    const socket = new WebSocket(url, [...protocols], { headers })
    t.teardown(() => socket.terminate())
    await once(socket, 'open')
    t.equal(socket.protocol, chosen)
  }
  t.equal(await statusOf(url, { ...page, Origin: 'https://evil.example' }), 403, 'not for whatever page asks')
})

test('004.6 chat: each connection is asked on its own', async t => {
  const { url } = await chatServer(t)
  const ada = await Guide.join(t, url, 'ada')
  t.equal(await statusOf(url), 401, 'a neighbour on the same machine has no part in it')
  t.equal(await statusOf(url, bearer(await tokenOf('ada', [OTHER_ROOM]))), 403, 'nor has the same account')
  t.equal(ada.closed, undefined)
})

test('004.7 chat: a member who is removed can send nothing more, and is cut off at once', async t => {
  const members = new Set(['ada', 'bob', 'carol'])
  const { server, url, door } = await chatServer(t, { isMember: account => members.has(account) })
  const [ada, tab, bob, carol] = await Promise.all(
    ['ada', 'ada', 'bob', 'carol'].map(who => Guide.join(t, url, who))
  )
  t.equal(await door.membershipChanged('ada'), 0, 'asked again, and still one')
  members.delete('ada')
  ada?.send({ type: 'offer', offer: OFFER })
  await until(() => bob?.signals.length === 1, 'what it sends before anybody knows goes through')
  const cut = door.membershipChanged('ada', ROOM.toUpperCase())
  ada?.send({ type: 'answer', answer: { type: 'answer', sdp: SDP } })
  t.equal(await cut, 2)
  await until(() => ada?.closed === 4506 && tab?.closed === 4506)
  carol?.send({ type: 'offer', offer: OFFER })
  await until(() => bob?.signals.length === 2)
  t.deepEqual(
    bob?.signals.map(signal => signal.senderAccountId),
    ['ada', 'carol']
  )
  t.equal(await statusOf(url, bearer(await tokenOf('ada'))), 403)
  await until(() => server.stats().connections === 2)
})

test('chat: who is removed while it comes in does not get in; a token that ends, or is kicked, ends', async t => {
  let answer = (_yes: boolean) => {}
  const asking = () =>
    new Promise<boolean>(resolve => {
      answer = resolve
    })
  let isMember: () => boolean | Promise<boolean> = asking
  const { server, url, door } = await chatServer(
    t,
    { isMember: () => isMember() },
    { tokenGrace: 0, tokenNotice: 0 }
  )
  const coming = statusOf(url, bearer(await tokenOf('ada')))
  await until(() => server.stats().connections === 1)
  isMember = () => false
  t.equal(await door.membershipChanged('ada'), 1)
  answer(true)
  t.equal(await coming, 403)
  isMember = () => true
  const bob = await Guide.join(t, url, 'bob')
  t.equal(server.disconnect({ sub: 'bob' }), 1)
  await until(() => bob.closed === 4506)
  const short = await tokens.mint({ sub: 'carol', can: [] }, { expiresIn: 1000 })
  const carol = new Guide(t, url, short)
  await until(() => carol.closed === 4003, 'TOKEN_EXPIRED', 6)
  await empty(server)
})

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

test('004.34 chat: whatever is malformed is told so, and the connection stays', async t => {
  const { url } = await chatServer(t)
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  const bad = [
    ...[
      '',
      '{',
      'null',
      '[]',
      '"x"',
      '7',
      '{}',
      '{"type":"offer"}',
      '['.repeat(5000),
      '{"type":"note","data":[]}'
    ],
    ...['{"type":"note","to":7}', `{"type":"note","to":"${'x'.repeat(300)}"}`, '{"type":"webrtc.signal"}'],
    ...['{"type":"ice-candidate"}', '{"type":"ice-candidate","candidate":{"candidate":7}}'],
    `{"type":"ice-candidate","candidate":{"candidate":"${'x'.repeat(2000)}"}}`,
    `{"type":"note","x":{${Array.from({ length: 2000 }, (_, n) => `"k${n}":1`)}}}`
  ]
  for (const message of bad) ada.send(message)
  ada.send('{"type":"note","__proto__":{"admin":true},"data":{"__proto__":{"admin":true},"a":1}}')
  await until(() => bob.signals.length === 1)
  t.equal(ada.errors.length, bad.length)
  t.deepEqual(new Set(ada.errors), new Set(['INVALID_ARGUMENT']))
  t.deepEqual(bob.signals[0].data, { a: 1 })
  t.equal(({} as { admin?: boolean }).admin, undefined)
  ada.send({ type: 'note', text: 'x'.repeat(20_000) })
  await until(() => ada.errors.at(-1) === 'TOO_LARGE')
  ada.send({ type: 'note', text: 'x'.repeat(70_000) })
  await until(() => ada.closed === 1009, 'what is larger than any frame ends the socket')
  t.equal(bob.closed, undefined)
})

test('004.36 chat: signals are limited in rate; nothing is lost until the socket is ended', async t => {
  const { server, url } = await chatServer(t, {}, { frameRate: 100, frameBurst: 100, rateGrace: 1_500 })
  const [ada, bob, carol] = await Promise.all(['ada', 'bob', 'carol'].map(who => Guide.join(t, url, who)))
  for (let n = 0; n < 150; n++) ada?.send({ type: 'note', n })
  await until(() => bob?.signals.length === 150, 'a burst takes its time')
  t.deepEqual(
    bob?.signals.map(({ data }) => data.n),
    Array.from({ length: 150 }, (_, n) => n)
  )
  for (let n = 0; n < 5000; n++) carol?.send(n % 2 ? 'garbage' : { type: 'note', n })
  await until(() => carol?.closed === 4004, 'a flood of good and bad ones ends', 15)
  t.ok((bob?.signals.length ?? 0) < 1500, 'most of it was never read')
  ada?.send({ type: 'note', to: 'bob', last: true })
  await until(() => bob?.signals.at(-1).data.last)
  t.equal(server.stats().connections, 2)
})

test('chat: who does not read is cut off, and nobody else waits for it', async t => {
  const { url } = await chatServer(t, {}, { sendQueueHard: 100_000, frameRate: 1000, frameBurst: 1000 })
  const [ada, bob, carol] = await Promise.all(['ada', 'bob', 'carol'].map(who => Guide.join(t, url, who)))
  bob?.socket.pause()
  const text = 'x'.repeat(15_000)
  // Carol reads in this very process: what is sent in one go would wait for her as well.
  for (let n = 0; n < 800; n++) {
    ada?.send({ type: 'note', n, text })
    if (n % 4 === 3) await until(() => carol?.signals.length === n + 1, 'carol keeps up')
  }
  await until(
    () => carol?.packets.some(({ data }) => data.event === 'left' && data.userId === 'bob') ?? false,
    'bob is out',
    20
  )
  t.equal(carol?.signals.length, 800, 'carol has all of it')
  t.equal(ada?.errors.length, 0)
})

test('004.37 chat: nobody is anywhere before it was let in, and nothing is left of who has gone', async t => {
  const { server, url } = await chatServer(t, { maxSockets: 3 })
  const ada = await Guide.join(t, url, 'ada')
  for (let n = 0; n < 30; n++)
    t.notEqual(await statusOf(url, bearer(n % 2 ? 'x' : await tokenOf('eve', []))), 101)
  t.deepEqual([server.stats().connections, server.stats().mailboxes], [1, 1])
  t.deepEqual(ada.packets.length, 1, 'and nobody heard of them')
  const crowd = [
    await Guide.join(t, url, 'bob'),
    await Guide.join(t, url, 'bob'),
    await Guide.join(t, url, 'bob')
  ]
  t.equal(await statusOf(url, bearer(await tokenOf('bob'))), 503, 'so many sockets, and no more')
  for (const { socket } of [ada, ...crowd]) socket.terminate()
  await empty(server)
  t.deepEqual([...server.connections], [])
})

test('chat: sockets of one account that come at once are counted as well', async t => {
  // As far away as a Redis: what it says is old.
  const backplane = new MemoryBackplane()
  const lookup = backplane.lookup.bind(backplane)
  backplane.lookup = ((...args) =>
    new Promise(resolve => setTimeout(resolve, 200, lookup(...args)))) as typeof lookup & Backplane['lookup']
  const { server, url } = await chatServer(t, { maxSockets: 3 }, { backplane })
  const token = await tokenOf('ada')
  const all = Array.from({ length: 20 }, () => new Guide(t, url, token))
  await until(() => all.every(({ closed, packets }) => closed !== undefined || packets.length > 0))
  t.equal(all.filter(({ packets }) => packets.length > 0).length, 3)
  await until(() => server.stats().connections === 3)
})

test('chat: a visitor who goes in the middle of it leaves nothing', async t => {
  const { server, url } = await chatServer(t, {
    isMember: () => new Promise(resolve => setTimeout(resolve, 50, true))
  })
  for (let n = 0; n < 10; n++) {
    const visitor = new Guide(t, url, await tokenOf(`v${n}`))
    await until(() => server.stats().connections > 0)
    visitor.socket.terminate()
  }
  await empty(server)
  t.pass('nothing is left')
})

test('chat: a room reaches over nodes', async t => {
  const cluster = new MemoryCluster()
  const node = () => chatServer(t, {}, { backplane: new MemoryBackplane({ cluster }) })
  const [one, two] = [await node(), await node()]
  const ada = await Guide.join(t, one.url, 'ada')
  const [bob, tab] = [await Guide.join(t, two.url, 'bob'), await Guide.join(t, one.url, 'bob')]
  const [{ data }] = bob.packets as [Packet]
  t.deepEqual(
    data.participants.map(({ id }: { id: string }) => id),
    ['ada']
  )
  await ada.until(({ data }) => data.event === 'joined' && data.userId === 'bob')
  for (let n = 0; n < 20; n++) ada.send({ type: 'note', n, ...(n % 2 && { to: 'bob' }) })
  for (const socket of [bob, tab]) {
    await until(() => socket.signals.length === 20)
    t.deepEqual(
      socket.signals.map(({ data }) => data.n),
      Array.from({ length: 20 }, (_, n) => n)
    )
  }
  bob.send({ type: 'note', to: 'bob' })
  await until(() => tab.signals.length === 21)
  tab.socket.close()
  await two.server.close()
  await ada.until(({ data }) => data.event === 'left' && data.userId === 'bob')
  t.equal(bob.closed, 4000)
})

test('chat: whatever is sent, nobody but its sender has anything of it', async t => {
  const { server, url } = await chatServer(t, {}, { frameRate: 10_000, frameBurst: 10_000 })
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  const words = fc.constantFrom(
    'type',
    'data',
    'to',
    'offer',
    'candidate',
    'webrtc.signal',
    'note',
    'bob',
    '__proto__'
  )
  const leaf = fc.oneof(words, fc.string(), fc.double(), fc.boolean(), fc.constant(null))
  const { any } = fc.letrec(tie => ({
    any: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('any')), fc.dictionary(words, tie('any')))
  }))
  const typed = fc.dictionary(words, any).map(fields => ({ ...fields, type: 'note' }))
  const messages = fc.sample(fc.oneof(any, typed), { numRuns: 1_000, seed: 4 })
  for (const message of messages) ada.send(JSON.stringify(message))
  for (const text of fc.sample(fc.string({ unit: 'binary' }), { numRuns: 300, seed: 4 }))
    ada.socket.send(text)
  ada.send({ type: 'last' })
  await until(() => bob.signals.at(-1)?.type === 'last', 'the last one', 20)
  for (const { senderAccountId, senderInfo, type, data } of bob.signals) {
    if (
      senderAccountId !== 'ada' ||
      senderInfo.id !== 'ada' ||
      typeof type !== 'string' ||
      Object(data) !== data
    )
      t.fail(JSON.stringify({ senderAccountId, type, data }))
  }
  t.ok(
    ada.errors.length > 500 && bob.signals.length > 50,
    `${ada.errors.length} were refused, ${bob.signals.length} not`
  )
  t.equal(Object.getPrototypeOf({}), Object.prototype)
  t.deepEqual([ada.closed, bob.closed, server.stats().connections], [undefined, undefined, 2])
})
