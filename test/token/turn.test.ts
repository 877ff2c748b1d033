// Mostly waits: the runner starts it beside the others.
import { createHmac } from 'node:crypto'
import { type IceServersProvider, type Peer, toHex, topicFromName } from 'socket-signal'
import type { ServerOptions } from 'socket-signal-server'
import { createTurn } from 'socket-signal-token'
import { SocketSignalWebsocketClient, type SocketSignalWebsocketClientOptions } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { type Coturn, deadTurn, startCoturn } from '../tools/coturn.ts'
import { pathOf } from '../tools/path-of.ts'
import { readyMade } from '../tools/ready-made.ts'
import { duplex } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, rejection, until } from '../tools/wait.ts'
import { endWithTests, simplePeer } from '../tools/wrtc.ts'

type Options = SocketSignalWebsocketClientOptions

const options = { needs: ['coturn' as const], timeout: 60_000 }
const topic = await topicFromName('behind a relay')

/** Alice and Bob at a server of their own; both are in the topic. Only what a relay has to offer leaves them. */
async function meet(t: Test, server: ServerOptions, alices: Options = {}, bobs: Options = alices) {
  const signal = await readyMade(t, { page: false, ...server })
  const [alice, bob] = [alices, bobs].map(own => {
    const client = new SocketSignalWebsocketClient(signal.signalUrl, {
      privacy: 'relay',
      connectTimeout: 30_000,
      simplePeer,
      ...own
    })
    t.teardown(() => client.close())
    return client
  }) as [SocketSignalWebsocketClient, SocketSignalWebsocketClient]
  await Promise.all([alice.join(topic), bob.join(topic)])
  return { signal, alice, bob, dial: () => alice.connect(topic, bob.id) }
}

async function credentials({ url, secret }: Coturn, change: { secret?: string; ttl?: number } = {}) {
  return createTurn({ urls: url, secret, ...change })('test')
}

/** The other end of a peer that both have connected. */
function endAt(bob: SocketSignalWebsocketClient, peer: Peer): Peer {
  return bob.peersConnected.find(({ sessionId }) => toHex(sessionId) === toHex(peer.sessionId)) as Peer
}

/** Sends a word there, and gives what comes back from an echo. */
async function echo(peer: Peer, bob: SocketSignalWebsocketClient): Promise<string> {
  const theirs = endAt(bob, peer)
  duplex(theirs).once('data', (data: Buffer) => theirs.stream.write(data))
  peer.stream.write('over the relay')
  const [data] = await next(peer.stream as never, 'data' as never)
  return String(data)
}

function tellsNothing(
  t: Test,
  error: Error,
  coturn: { secret: string },
  iceServers: RTCIceServer[] = []
): void {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    for (const secret of [
      coturn.secret,
      ...iceServers.flatMap(({ username, credential }) => [username, credential])
    ])
      t.notOk(secret && cause.message.includes(secret), 'no secret in the message')
}

test('turn: over a relay alone, with credentials that the server minted', options, async t => {
  const coturn = await startCoturn(t)
  const turn = { urls: coturn.url, secret: coturn.secret, ttl: 60 }
  const { alice, bob, dial } = await meet(t, { turn })
  const peer = await dial().ready()
  await until(() => bob.peersConnected.length === 1)
  t.equal(await echo(peer, bob), 'over the relay')
  t.deepEqual(await pathOf(peer, endAt(bob, peer)), ['relay', 'relay'])
  for (const { id } of [alice, bob])
    await until(
      () => new RegExp(`<\\d{10}:${toHex(id).slice(0, 16)}>.*ALLOCATE.*success`).test(coturn.log()),
      'named'
    )
  t.pass("the relay's log names each by the beginning of its id")
})

test('turn: row 30: a wrong secret is TURN_AUTH at once, and names the server', options, async t => {
  const coturn = await startCoturn(t)
  const { alice, dial } = await meet(t, { turn: { urls: coturn.url, secret: 'another' } })
  const failed = next(alice, 'peer-error')
  const error = await rejection(dial().ready())
  t.equal(error.code, 'TURN_AUTH')
  t.ok(error.retryable)
  t.ok(error.message.includes(coturn.url), error.message)
  tellsNothing(t, error, { secret: 'another' })
  t.equal((await failed)[0].error, error)
})

test('turn: with a wrong secret on the other side, both are told', options, async t => {
  const coturn = await startCoturn(t)
  const { iceServers } = await credentials(coturn)
  const wrong = await credentials(coturn, { secret: 'another' })
  const { bob, dial } = await meet(
    t,
    {},
    { iceServers, connectTimeout: 3000 },
    { iceServers: wrong.iceServers }
  )
  const failed = next(bob, 'peer-error')
  t.equal((await rejection(dial().ready())).code, 'PEER_LEFT', 'who dialed hears that the other one gave up')
  const [{ error }] = await failed
  t.equal(error.code, 'TURN_AUTH')
  tellsNothing(t, error, coturn, wrong.iceServers)
})

test('turn: who needs no relay connects in spite of a wrong secret', options, async t => {
  const coturn = await startCoturn(t)
  const turn = { urls: coturn.url, secret: 'another' }
  const { dial } = await meet(t, { turn }, { privacy: 'all' })
  const peer = await dial().ready()
  t.ok(peer.connected)
})

test('turn: row 30: a dead server is CONNECT_TIMEOUT, and is named', options, async t => {
  const urls = await deadTurn()
  const { dial } = await meet(t, { turn: { urls, secret: 'geheim' } }, { connectTimeout: 2000 })
  const error = await rejection(dial().ready())
  t.equal(error.code, 'CONNECT_TIMEOUT')
  t.ok(error.message.includes(`no relay candidate came from ${urls}`), error.message)
  tellsNothing(t, error, { secret: 'geheim' })
})

test('turn: a dead server over TCP is ICE_NO_CANDIDATES, and is named', options, async t => {
  const urls = `${await deadTurn()}?transport=tcp`
  const { dial } = await meet(t, { turn: { urls, secret: 'geheim' } })
  const error = await rejection(dial().ready())
  t.equal(error.code, 'ICE_NO_CANDIDATES')
  t.ok(error.message.includes(urls), error.message)
  tellsNothing(t, error, { secret: 'geheim' })
})

test('turn: a relay alone, without one, is ICE_NO_CANDIDATES', async t => {
  const { dial } = await meet(t, {}, { iceServers: [] })
  const error = await rejection(dial().ready())
  t.equal(error.code, 'ICE_NO_CANDIDATES')
  t.ok(error.message.includes('privacy'), error.message)
})

test('turn: row 30: a server that dies in mid-session is ICE_FAILED, and the peer is closed', {
  ...options,
  timeout: 90_000
}, async t => {
  const coturn = await startCoturn(t)
  const { bob, dial } = await meet(t, { turn: { urls: coturn.url, secret: coturn.secret } })
  const peer = await dial().ready()
  await until(() => bob.peersConnected.length === 1)
  coturn.kill()
  await peer.waitForClose({ signal: AbortSignal.timeout(60_000) })
  t.equal((peer.error as Error & { code?: string }).code, 'ICE_FAILED')
})

test('turn: the server hands out new credentials before the old ones end', options, async t => {
  const coturn = await startCoturn(t)
  const { alice, bob, dial } = await meet(t, { turn: { urls: coturn.url, secret: coturn.secret, ttl: 4 } })
  const first = await dial().ready()
  const end = Date.now() + 6000
  await until(() => Date.now() > end, 'the first credentials have ended', 10)
  t.ok(first.connected, 'a connection that runs goes on')
  const second = alice.connect(topic, bob.id)
  await second.ready()
  const uses = new Set(coturn.log().match(new RegExp(`\\d{10}:${toHex(alice.id).slice(0, 16)}`, 'g')))
  t.ok(uses.size >= 2, 'with other credentials than the first')
})

test('turn: a provider is asked again when its credentials end, and not before', options, async t => {
  const coturn = await startCoturn(t)
  let asked = 0
  const iceServers: IceServersProvider = async () => {
    asked++
    return asked === 1
      ? { ...(await credentials(coturn)), expiresAt: Date.now() + 20_000 }
      : credentials(coturn)
  }
  const { bob, dial } = await meet(
    t,
    {},
    { iceServers },
    await credentials(coturn).then(({ iceServers }) => ({ iceServers }))
  )
  t.equal(asked, 1, 'at open()')
  const peer = await dial().ready()
  await until(() => bob.peersConnected.length === 1)
  t.deepEqual(await pathOf(peer, endAt(bob, peer)), ['relay', 'relay'])
  t.equal(asked, 2, 'twenty seconds are too few to begin with')
  await Promise.all([dial().ready(), dial().ready()])
  t.equal(asked, 2, 'an hour is enough')
  t.equal(bob.peers.length, 3)
})

test(
  'turn: credentials that have ended are TURN_AUTH, and a provider that has new ones heals it',
  options,
  async t => {
    const coturn = await startCoturn(t)
    const fresh = await credentials(coturn)
    const username = `${Math.floor(Date.now() / 1000) - 1000}:test`
    const credential = createHmac('sha1', coturn.secret).update(username).digest('base64')
    let given = { iceServers: [{ urls: [coturn.url], username, credential }], expiresAt: Date.now() }
    const { dial } = await meet(t, {}, { iceServers: () => given }, { iceServers: fresh.iceServers })
    const error = await rejection(dial().ready())
    t.equal(error.code, 'TURN_AUTH')
    t.match(error.message, /expired/)
    tellsNothing(t, error, coturn, given.iceServers)
    given = fresh
    t.ok((await dial().ready()).connected)
  }
)

test('turn: ICE servers that are none fail the connection, not the process', async t => {
  for (const iceServers of [
    [null],
    [{ urls: 5 }],
    [{}],
    [{ urls: 'turn:127.0.0.1:9' }],
    [{ urls: 'http://x' }]
  ]) {
    // A server of ours hands out objects alone.
    const own: IceServersProvider = async () => ({ iceServers: iceServers as [] })
    const { dial } = await (iceServers[0]
      ? meet(t, { iceServers: iceServers as [] })
      : meet(t, {}, { iceServers: own }))
    const { code, message } = await rejection(dial().ready())
    t.ok(
      ['RTC_FAILED', 'ICE_NO_CANDIDATES'].includes(String(code)),
      `${JSON.stringify(iceServers)}: ${code} ${message}`
    )
  }
})

endWithTests()
