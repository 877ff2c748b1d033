// Mostly waits: the runner starts it beside the others.
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { topicFromName } from 'socket-signal'
import type { ServerOptions, SignalServer } from 'socket-signal-server'
import type { Test } from 'tape'
import { basic, project, readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'
import { get, makeClient, rawSocket, upgrade } from '../tools/websocket.ts'

const MINTS = [
  '/tokens',
  '/api/video/room_tokens',
  '/api/chat/tokens',
  '/api/fabric/subscriber_tokens',
  '/api/fabric/subscribers/tokens',
  '/rooms/lobby/actions/generate_join_client_token',
  '/rooms/lobby/actions/refresh_client_token'
]

interface Answer {
  status: number
  headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: each endpoint has its own.
  body: any
}

test('000.16 000.18 000.19 token endpoints: a room token is minted, and lets into its room', async t => {
  const server = await start(t)
  const room = { room_name: 'my_room', user_name: 'John Smith', permissions: ['room.self.audio_mute'] }
  const { status, body } = await post(server, '/api/video/room_tokens', room)
  t.equal(status, 200)
  t.deepEqual(Object.keys(body), ['token'])
  const { kind, name, topics, can, exp, iat } = claims(body.token)
  t.deepEqual([kind, name, topics], ['video', 'John Smith', [{ name: 'my_room' }]])
  t.ok(can.includes('room.self.audio_mute') && !can.includes('room.self.video_mute'))
  t.equal(exp - iat, 7200)
  const client = makeClient(t, server.signalUrl, { token: body.token })
  await client.join(await topicFromName('my_room'))
  t.equal((await rejection(client.join(await topicFromName('other')))).code, 'FORBIDDEN')
  for (const wrong of [
    {},
    { ...room, room_name: 7 },
    { ...room, room_name: '' },
    { ...room, room_name: 'x'.repeat(257) },
    { ...room, permissions: 'all' },
    { ...room, permissions: ['everything'] },
    { ...room, expire_at: 17 }
  ]) {
    const refused = await post(server, '/api/video/room_tokens', wrong)
    t.deepEqual([refused.status, typeof refused.body.error], [422, 'string'], JSON.stringify(wrong))
  }
})

test('000.17 token endpoints: without the project’s credentials nothing is minted', async t => {
  const server = await start(t)
  const wrong = [
    undefined,
    '',
    'Basic',
    'Basic !!!',
    `Bearer ${project.apiToken}`,
    basic({ ...project, apiToken: '' }),
    basic({ ...project, id: '' }),
    basic({ ...project, apiToken: 'PT-secret2' }),
    basic({ ...project, id: 'Project' }),
    `Basic ${project.id}:${project.apiToken}`
  ]
  for (const path of MINTS) {
    for (const authorization of wrong) {
      const { status, headers, body } = await post(server, path, {}, { authorization })
      t.deepEqual([status, body], [401, { error: 'unauthorized' }], `${path} ${authorization}`)
      t.match(String(headers['www-authenticate']), /^Basic realm=/)
      t.equal(headers['cache-control'], 'no-store')
    }
  }
  t.equal((await post(server, '/tokens', {})).status, 200)
})

test('token endpoints: POST alone, JSON alone, and nothing is stored on the way', async t => {
  const server = await start(t)
  for (const path of MINTS) {
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await post(server, path, undefined, { method })
      t.deepEqual(
        [status, headers.allow, headers['cache-control']],
        [405, 'POST', 'no-store'],
        `${method} ${path}`
      )
    }
  }
  const { headers } = await post(server, '/tokens', {})
  t.deepEqual([headers['cache-control'], headers['content-type']], ['no-store', 'application/json'])
  t.equal(headers['access-control-allow-origin'], undefined, 'no page of another origin may call it')
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])
    t.equal((await post(server, '/tokens', {}, { type })).status, 415, type)
  for (const text of ['', '{', '[]', '7', 'null', '"text"', '{"sub":']) {
    t.equal((await post(server, '/tokens', text)).status, 400, text)
  }
  const large = JSON.stringify({ sub: 'x'.repeat(64 * 1024) })
  t.equal((await post(server, '/tokens', large)).status, 413)
  t.equal((await post(server, '/tokens', { __proto__: null, toString: 1 })).status, 422)
  t.equal((await get(`${server.url}tokens/`)).status, 404)
  t.equal((await get(`${server.url}healthz`)).status, 200)
})

test('token endpoints: a body that never ends holds nothing up', { timeout: 60_000 }, async t => {
  const server = await start(t)
  const socket = rawSocket(t, server.url)
  const head = `POST /tokens HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic()}\r\nContent-Type: application/json\r\n`
  socket.write(`${head}Content-Length: 1000\r\n\r\n{"sub":`)
  let answer = ''
  socket.on('data', chunk => (answer += chunk))
  t.equal((await post(server, '/tokens', {})).status, 200, 'others are served meanwhile')
  await once(socket, 'close')
  t.match(answer, /^HTTP\/1\.1 408 /)
  t.equal((await post(server, '/tokens', {})).status, 200)
})

test('000.22 token endpoints: chat, PubSub and subscriber tokens, at both paths of the latter', async t => {
  const server = await start(t)
  const chat = await post(server, '/api/chat/tokens', {
    channels: { office: { write: true } },
    member_id: 'ada'
  })
  const said = claims(chat.body.token)
  t.deepEqual([said.kind, said.sub, said.topics], ['chat', 'ada', [{ name: 'chat:office' }]])
  t.deepEqual(said.can, ['join', 'lookup', 'history', 'publish'])
  const mixed = { a: { write: true }, b: { write: false } }
  for (const channels of [undefined, null, 'office', {}, [], [7], mixed, { '': { write: true } }])
    t.equal((await post(server, '/api/chat/tokens', { channels })).status, 422, JSON.stringify(channels))
  for (const path of ['/api/fabric/subscriber_tokens', '/api/fabric/subscribers/tokens']) {
    const pubsub = claims((await post(server, path, { channels: ['news'] })).body.token)
    t.deepEqual([pubsub.kind, pubsub.topics], ['pubsub', [{ name: 'pubsub:news' }]], path)
    const readonly = claims((await post(server, path, { channels: { news: { write: false } } })).body.token)
    t.deepEqual(readonly.can, ['join', 'lookup', 'history'])
    const subscriber = claims((await post(server, path, { reference: 'user-7' })).body.token)
    t.deepEqual([subscriber.kind, subscriber.sub, subscriber.topics], ['subscriber', 'user-7', '*'])
    t.equal((await post(server, path, {})).status, 422)
  }
})

test('002.10 token endpoints: two hours unless expire_at says otherwise', async t => {
  const server = await start(t)
  const mint = async (more: object) =>
    claims((await post(server, '/api/fabric/subscribers/tokens', { reference: 'ada', ...more })).body.token)
  const usual = await mint({})
  t.equal(usual.exp - usual.iat, 7200)
  const expire_at = Math.floor(Date.now() / 1000) + 90
  t.ok(Math.abs((await mint({ expire_at })).exp - expire_at) <= 1)
})

test('token endpoints: a room’s client tokens hold 600 s, and are refreshed', async t => {
  const server = await start(t)
  const generate = '/rooms/lobby/actions/generate_join_client_token'
  const refresh = '/rooms/lobby/actions/refresh_client_token'
  const usual = (await post(server, generate, {})).body.data
  const first = claims(usual.token)
  t.deepEqual([first.exp - first.iat, first.kind, first.topics], [600, 'video', [{ name: 'lobby' }]])
  t.ok(Math.abs(Date.parse(usual.token_expires_at) / 1000 - first.exp) <= 1)
  t.ok(Date.parse(usual.refresh_token_expires_at) > Date.parse(usual.token_expires_at))
  const asked = { token_ttl_secs: 60, refresh_token_ttl_secs: 120 }
  const { token, refresh_token } = (await post(server, generate, asked)).body.data
  t.deepEqual([life(token), life(refresh_token)], [60, 120])
  const next = (await post(server, refresh, { refresh_token, token_ttl_secs: 90 })).body.data
  t.deepEqual([life(next.token), next.refresh_token], [90, undefined])
  const client = makeClient(t, server.signalUrl, { token: next.token })
  await client.join(await topicFromName('lobby'))
  const other = makeClient(t, server.signalUrl, { token: refresh_token })
  t.equal((await rejection(other.open())).code, 'TOKEN_INVALID', 'a refresh token lets nobody in')
  const wrong = [{}, { refresh_token: token }, { refresh_token: `${refresh_token}x` }, { refresh_token: 7 }]
  for (const body of wrong) t.equal((await post(server, refresh, body)).status, 422, JSON.stringify(body))
  const elsewhere = '/rooms/office/actions/refresh_client_token'
  t.equal((await post(server, elsewhere, { refresh_token })).status, 422, 'of another room')
  for (const token_ttl_secs of [0, -1, '60', 86_401, null])
    t.equal((await post(server, generate, { token_ttl_secs })).status, 422, String(token_ttl_secs))
})

test('token endpoints: POST /tokens mints any grant, and none that is misspelt', async t => {
  const server = await start(t)
  const grant = { sub: 'ada', topics: '*', can: ['join'], maxPeers: 1 }
  const { status, body } = await post(server, '/tokens', { ...grant, expires_in: 30 })
  t.equal(status, 200)
  t.equal(life(body.token), 30)
  const late = claims(body.token).exp * 1000 - body.expiry_at
  t.ok(late === 0 || late === 1000, 'when it ends, as a provider wants it, and never later')
  const wrong = [
    { topic: '*' },
    { can: ['fly'] },
    { kind: 'tv' },
    { cnf: 'me' },
    { maxPeers: 0 },
    { expires_in: 1e9 }
  ]
  for (const each of wrong) t.equal((await post(server, '/tokens', each)).status, 422, JSON.stringify(each))
  const client = makeClient(t, server.signalUrl, { token: body.token })
  await client.open()
  const kicked = once(client as never, 'disconnected')
  t.deepEqual((await post(server, '/disconnect', { sub: 'ada' })).body, { disconnected: 1 })
  const [willReconnect, { error }] = await kicked
  t.deepEqual([willReconnect, error.code], [false, 'KICKED'])
  t.equal(
    (await rejection(makeClient(t, server.signalUrl, { token: body.token }).open())).code,
    'TOKEN_INVALID'
  )
  for (const who of [{}, { sub: '' }, { id: 'x' }, { sub: 'a', jti: 'b' }, { everybody: 'yes' }])
    t.equal((await post(server, '/disconnect', who)).status, 422, JSON.stringify(who))
})

test('token endpoints: an upgrade of others is told by its status', async t => {
  const server = await start(t)
  const { token } = (
    await post(server, '/tokens', { topics: [{ prefix: 'team/' }, { name: 'lobby' }], can: ['join'] })
  ).body
  const at = (path: string, headers: object = {}) => get(server.url + path, { ...upgrade(''), ...headers })
  const none = await at('rooms/lobby')
  t.deepEqual([none.status, none.headers['www-authenticate']], [401, 'Bearer'])
  const bad = await at('rooms/lobby', { Authorization: 'Bearer x' })
  t.deepEqual([bad.status, bad.headers['www-authenticate']], [401, 'Bearer error="invalid_token"'])
  const bearer = { Authorization: `Bearer ${token}` }
  t.equal((await at('rooms/office', bearer)).status, 403)
  t.equal((await at('rooms/%', bearer)).status, 403)
  t.match(
    (await at('rooms/lobby', bearer)).body,
    /ask for the WebSocket subprotocol/,
    'no door for others here'
  )
  t.equal((await at('rooms/lobby', { ...bearer, 'Sec-WebSocket-Key': 'x' })).status, 400)
  t.equal((await at('rooms/lobby', { ...bearer, Upgrade: 'h2c' })).status, 400)
})

function start(t: Test, options: ServerOptions = {}): Promise<SignalServer> {
  return readyMade(t, { page: false, tokens: { project }, ...options })
}

async function post(
  server: SignalServer,
  path: string,
  body: unknown,
  more: { authorization?: string | undefined; method?: string; type?: string } = {}
): Promise<Answer> {
  const { method = 'POST', type = 'application/json' } = more
  const authorization = 'authorization' in more ? more.authorization : basic()
  const headers = {
    ...(authorization !== undefined && { authorization }),
    ...(type && { 'content-type': type })
  }
  const request = httpRequest(new URL(path, server.url), { method, headers, agent: false })
  request.on('error', () => {})
  request.end(typeof body === 'string' ? body : JSON.stringify(body))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) }
}

// biome-ignore lint/suspicious/noExplicitAny: what a token says.
function claims(token: string): any {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

function life(token: string): number {
  const { exp, iat } = claims(token)
  return exp - iat
}
