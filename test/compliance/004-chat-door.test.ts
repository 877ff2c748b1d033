import { once } from 'node:events'
import { createServer } from 'node:https'
import { createChatDoor, createGateway } from 'socket-signal-gateway'
import { WebSocket } from 'ws'
import { selfSigned } from '../tools/cert.ts'
import {
  bearer,
  chatServer,
  empty,
  Guide,
  OFFER,
  OTHER_ROOM,
  ROOM,
  SDP,
  statusOf,
  tokenOf,
  tokens
} from '../tools/chat.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { get, startServer, upgrade } from '../tools/websocket.ts'

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
