// Mostly waits: the runner starts it beside the others.
import { SignalError, type SocketSignalClient, topicFromName } from 'socket-signal'
import { SocketSignalMemoryClient } from 'socket-signal-memory'
import { type Credential, credentials, StaticCredentialProvider } from 'socket-signal-token'
import { clientOptions, duplex, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { tokensAndGate } from '../tools/tokens.ts'
import { next, record, rejection, until } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'

const GRANT = { sub: 'ada', topics: [{ name: 'lobby' }], can: ['join'] }
const SHORT = { expiresIn: 2000 }

test('token refresh: a provider is asked before the end, and the socket stays', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize, tokenGrace: 1000 })
  const asked: string[] = []
  const give = async (what: string): Promise<Credential> => {
    asked.push(what)
    return { token: await tokens.mint(GRANT, { expiresIn: 4000 }), expiry_at: Date.now() + 4000 }
  }
  const provider = { authenticate: () => give('authenticate'), refresh: () => give('refresh') }
  const client = makeClient(t, server.url, { token: credentials(provider) })
  const events = record(client, 'connected', 'disconnected', 'token-expiring', 'token-error')
  await client.open()
  await until(() => asked.length >= 4, 'three refreshes', 15)
  t.deepEqual(asked.slice(0, 3), ['authenticate', 'refresh', 'refresh'])
  const names = new Set(events.map(({ event }) => event))
  t.deepEqual([...names], ['connected', 'token-expiring'], 'never disconnected')
  t.equal(events.filter(({ event }) => event === 'connected').length, 1)
  for (const { args } of events.slice(1)) t.ok(args[0].expiresIn > 0, 'told before the end')
  t.deepEqual(await client.join(await topicFromName('lobby')), [])
})

test('token refresh: a provider that throws or hangs is a typed error, and is tried again', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize, tokenGrace: 10_000 })
  const give = async () => ({
    token: await tokens.mint(GRANT, SHORT),
    expiry_at: Date.now() + SHORT.expiresIn
  })
  const ways = [
    () => Promise.reject(new Error('token fetch failed')),
    () => new Promise<never>(() => {}),
    () => ({ token: 7 }) as never,
    give
  ]
  const provider = { authenticate: () => (ways.shift() ?? give)(), refresh: () => (ways.shift() ?? give)() }
  ways.unshift(give)
  const client = makeClient(t, server.url, { token: credentials(provider, { timeout: 200 }) })
  const events = record(client, 'disconnected', 'token-error')
  await client.open()
  await until(() => ways.length === 0, 'all ways were tried', 20)
  const codes = events.map(({ event, args }) => `${event} ${args[0].code}`)
  t.deepEqual(codes, Array(3).fill('token-error TOKEN_UNAVAILABLE'))
  t.match(events[0]?.args[0].message, /token fetch failed/)
  t.match(events[2]?.args[0].message, /a provider gives \{ token, expiry_at \}/)
  t.ok(client.connected)
})

test('token refresh: authenticate that fails is told by connect-error, and open() says why', async t => {
  const { gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const refuse = () => Promise.reject(new Error('token fetch failed'))
  const token = credentials({ authenticate: refuse, refresh: refuse })
  const client = makeClient(t, server.url, { token, requestTimeout: 1000 })
  const failed = next(client, 'connect-error')
  const opening = rejection(client.open())
  const [error, again] = await failed
  t.deepEqual([error.code, again], ['TOKEN_UNAVAILABLE', true])
  t.match((await opening).message, /token fetch failed/)
  const final = async () => {
    throw new SignalError('FORBIDDEN', 'signed out')
  }
  const other = makeClient(t, server.url, { token: credentials({ authenticate: final, refresh: final }) })
  t.equal((await rejection(other.open())).code, 'FORBIDDEN', 'a provider may say that there is no use')
})

test('token refresh: without one the socket closes as TOKEN_EXPIRED, a grace after the end', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize, tokenGrace: 500 })
  const token = credentials(new StaticCredentialProvider({ token: await tokens.mint(GRANT, SHORT) }))
  const client = makeClient(t, server.url, { token, reconnect: false })
  const told = next(client, 'token-expiring')
  const down = next(client, 'disconnected')
  await client.open()
  t.ok((await told)[0].expiresIn <= 2000)
  const [willReconnect, { code, error }] = await down
  t.deepEqual([willReconnect, code, error.code, error.retryable], [false, 4003, 'TOKEN_EXPIRED', true])
})

test('token refresh: updateToken() replaces it on the open socket; one that is refused changes nothing', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize, tokenGrace: 500 })
  const client = makeClient(t, server.url, { token: await tokens.mint(GRANT, SHORT), reconnect: false })
  const events = record(client, 'disconnected')
  await client.open()
  const [lobby, office] = [await topicFromName('lobby'), await topicFromName('office')]
  t.equal((await rejection(client.join(office))).code, 'FORBIDDEN')
  t.equal((await rejection(client.updateToken('no token'))).code, 'TOKEN_INVALID')
  t.equal((await rejection(client.updateToken(''))).code, 'AUTH_REQUIRED')
  await client.join(lobby)
  await client.updateToken(await tokens.mint({ ...GRANT, topics: [{ name: 'office' }] }))
  await client.join(office)
  t.equal((await rejection(client.join(lobby))).code, 'FORBIDDEN', 'what the new one does not grant is gone')
  await new Promise(resolve => setTimeout(resolve, 4000))
  t.ok(client.connected && events.length === 0, 'the first one has ended meanwhile')
})

test('token refresh: one that was refused is not shown when the client comes back', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const client = makeClient(t, server.url, { token: await tokens.mint(GRANT, SHORT) })
  await client.open()
  for (const [wrong, code] of [
    ['no token', 'TOKEN_INVALID'],
    ['', 'AUTH_REQUIRED']
  ] as const) {
    t.equal((await rejection(client.updateToken(wrong))).code, code)
    await comeBack(client)
    t.ok(client.connected)
  }
})

test('token refresh: of several at once the last one that the server took is shown', async t => {
  const shown: string[] = []
  const { alice: client } = await story(t, {
    server: {
      authorize: ({ action, token }) => {
        if (action === 'hello') shown.push(token)
        if (token.startsWith('bad')) throw new SignalError('FORBIDDEN', 'none of ours')
        return true
      }
    },
    clients: [{ token: 'first' }]
  })
  for (const given of [
    ['bad 1', 'bad 2'],
    ['bad 3', 'good 4'],
    ['bad 5', 'bad 6']
  ]) {
    const results = await Promise.allSettled(given.map(token => client.updateToken(token)))
    t.same(
      results.map(({ status }) => status === 'fulfilled'),
      given.map(token => token.startsWith('good'))
    )
    await comeBack(client)
  }
  t.same(shown, ['first', 'first', 'good 4', 'good 4'])
})

test('token refresh: one that the server may have taken is shown, though nobody waited for its answer', async t => {
  const shown: string[] = []
  let take = (_: boolean) => {}
  const { alice: client } = await story(t, {
    server: {
      authorize: ({ action, token }) => {
        shown.push(`${action} ${token}`)
        return action === 'token' ? new Promise<boolean>(resolve => (take = resolve)) : true
      }
    },
    clients: [{ token: 'first' }]
  })
  const controller = new AbortController()
  const updating = rejection(client.updateToken('second', { signal: controller.signal }))
  await until(() => shown.length === 2)
  controller.abort(new Error('enough'))
  t.equal((await updating).message, 'enough')
  take(true)
  await comeBack(client)
  t.same(shown, ['hello first', 'token second', 'hello second'])
})

test('token refresh: peer connections live on when the socket ends with its token', async t => {
  const { tokens, gate } = tokensAndGate()
  const { server, rtc } = await story(t, {
    server: { authorize: gate.authorize, tokenGrace: 0 },
    clients: []
  })
  const can = ['join', 'offer', 'signal']
  const mint = (expiresIn: number) => tokens.mint({ topics: [{ name: 'lobby' }], can }, { expiresIn })
  const make = async (token: string) => {
    const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), token, reconnect: false })
    t.teardown(() => client.close())
    await client.open()
    return client
  }
  const [ada, bob] = [await make(await mint(2000)), await make(await mint(60_000))]
  const lobby = await topicFromName('lobby')
  await bob.join(lobby)
  const incoming = next(bob, 'peer-connected')
  const down = next(ada, 'disconnected')
  const peer = ada.connect(lobby, bob.id)
  await peer.ready()
  const [{ peer: other }] = await incoming
  t.equal((await down)[1].code, 4003)
  const heard = new Promise(resolve => duplex(other).once('data', resolve))
  duplex(peer).write('still here')
  t.equal(String(await heard), 'still here')
  t.ok(peer.connected && !ada.connected)
})

test('token refresh: tickets are shown once, other tokens as long as they hold', async t => {
  let asked = 0
  const give = async () => ({ token: `token ${++asked}`, expiry_at: Date.now() + 60_000 })
  const provider = { authenticate: give, refresh: give }
  const again = { expiring: false }
  const usual = credentials(provider)
  t.deepEqual(
    [await usual(again), await usual(again), await usual({ expiring: true })],
    ['token 1', 'token 1', 'token 2']
  )
  const tickets = credentials(provider, { once: true })
  t.deepEqual([await tickets(again), await tickets(again)], ['token 3', 'token 4'])
  const ended = credentials({
    ...provider,
    authenticate: async () => ({ token: 'old', expiry_at: Date.now() })
  })
  t.deepEqual([await ended(again), await ended(again)], ['old', 'token 5'])
})

test('token refresh: a new token that grants less takes its holder out of the rest, and it is told', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const can = ['join', 'publish']
  const [lobby, office] = [await topicFromName('lobby'), await topicFromName('office')]
  const make = async () => {
    const token = await tokens.mint({ topics: '*', can })
    const client = makeClient(t, server.url, { token })
    await client.open()
    return client
  }
  const [ada, eve, mallory] = [await make(), await make(), await make()]
  const seen = record(ada, 'peer-joined')
  await ada.join(lobby, { watch: true })
  for (const topic of [lobby, office]) {
    await eve.join(topic, { watch: true })
    await mallory.join(topic)
  }
  const left = record(ada, 'peer-left')
  await until(() => seen.length === 2, 'they are seen')
  const heard = record(eve, 'message', 'leave')
  const alsoHeard = record(mallory, 'message', 'leave')
  for (const client of [eve, mallory])
    await client.updateToken(await tokens.mint({ topics: [{ name: 'office' }], can }))
  await until(() => left.length === 2, 'the others see them go')
  await until(() => heard.length === 1 && alsoHeard.length === 1, 'they are told')
  await ada.publish(lobby, 'secret')
  t.equal((await rejection(eve.publish(lobby, 'x'))).code, 'NOT_JOINED')
  await eve.publish(office, 'still here')
  await until(() => alsoHeard.length === 2)
  t.deepEqual(
    [...heard, ...alsoHeard].map(({ event }) => event),
    ['leave', 'leave', 'message']
  )
  t.equal(server.stats().topics, 2)
})

test('token refresh: who may no longer look somewhere is told nothing of the peers that it watched there', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const [lobby, office] = [await topicFromName('lobby'), await topicFromName('office')]
  const make = async (can: string[]) => {
    const client = makeClient(t, server.url, { token: await tokens.mint({ topics: '*', can }) })
    await client.open()
    return client
  }
  const [ada, eve] = [await make(['join', 'lookup']), await make(['join', 'lookup'])]
  for (const topic of [lobby, office]) await eve.watch(topic, ada.id)
  const seen = record(eve, 'peer-joined')
  const dropped = record(eve, 'dropped')
  await eve.updateToken(await tokens.mint({ topics: [{ name: 'office' }], can: ['lookup'] }))
  await until(() => dropped.length === 1, 'it is told')
  for (const topic of [lobby, office]) await ada.join(topic)
  await until(() => seen.length > 0)
  t.deepEqual(
    seen.map(({ args }) => Buffer.from(args[0].topic).equals(office)),
    [true]
  )
  t.equal(server.stats().watches, 1)
})

/** Ends its socket, and waits until the server has taken the next one. */
async function comeBack(client: SocketSignalClient): Promise<void> {
  const down = next(client, 'disconnected')
  client.suspend()
  await down
  const up = next(client, 'connected')
  client.resume()
  await up
}
