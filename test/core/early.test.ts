import { randomBytes } from 'node:crypto'
import { SocketSignalClient } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer, socketPair } from 'socket-signal-memory'
import { fakeWrtc, ManualClock } from 'socket-signal-testing'
import { RFC8032 } from '../tools/bytes.ts'
import { played } from '../tools/played.ts'
import { clientOptions } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

const [a, b] = RFC8032
const topic = randomBytes(32)

test('early: a peer that is dialed before the client is open is there at once, and connects', async t => {
  const rtc = fakeWrtc()
  const server = new SocketSignalMemoryServer()
  const bob = new SocketSignalMemoryClient(server, clientOptions(rtc))
  const alice = new SocketSignalMemoryClient(server, clientOptions(rtc))
  t.teardown(() => Promise.all([alice.close(), bob.close(), server.close()]))
  await bob.join(topic)
  const events: string[] = []
  for (const event of ['peer-queue', 'peer-connecting', 'peer-connected'] as const)
    alice.on(event, () => events.push(event))
  const peer = alice.connect(topic, bob.id, { dedupe: true })
  t.equal(alice.connect(topic, bob.id, { dedupe: true }), peer, 'dialed again with dedupe it is the same')
  t.deepEqual(alice.peersConnecting, [peer])
  t.deepEqual(alice.getPeersByTopic(topic), [peer])
  t.deepEqual(events, ['peer-queue'])
  t.throws(() => peer.stream, /needs an open client/)
  t.equal(await peer.ready(), peer)
  t.equal(alice.status, 'open', 'it opens the client by itself')
  t.deepEqual(events, ['peer-queue', 'peer-connecting', 'peer-connected'])
})

test('early: what keeps a client from opening is what its peers hear', async t => {
  const keyPair = { publicKey: a.publicKey, secretKey: b.secretKey }
  const { client } = played(t, { keyPair })
  const peers = [client.connect(topic, randomBytes(32)), client.connect(topic, randomBytes(32))]
  for (const peer of peers) t.ok(/does not belong/.test((await rejection(peer.ready())).message))
  t.deepEqual(client.peers, [])
  t.equal(client.status, 'idle')
})

test('early: a client that closes before it is open ends what it dialed', async t => {
  for (const wait of [() => {}, () => new Promise(setImmediate)]) {
    const { client } = played(t)
    const peer = client.connect(topic, randomBytes(32))
    const ended = rejection(peer.ready())
    await wait()
    await client.close()
    t.equal(((await ended) as { code?: string }).code, 'CLOSED')
    await peer.waitForClose()
    t.deepEqual(client.peers, [])
  }
})

test('early: a signal gives a peer up before the client is open, and nothing is sent for it', async t => {
  const { client, server } = played(t)
  const abort = new AbortController()
  const peer = client.connect(topic, randomBytes(32), { signal: abort.signal })
  const reason = new Error('enough')
  abort.abort(reason)
  t.equal(await rejection(peer.ready()), reason)
  t.deepEqual(client.peers, [])
  await server.next('hello')
  await server.settled()
  t.deepEqual(
    server.received.map(({ kind }) => kind),
    ['hello']
  )
})

test('early: a client whose server never says a word closes at once', async t => {
  const clock = new ManualClock()
  const { left } = socketPair()
  const client = new Mute(left, { clock })
  const ended = rejection(client.open())
  await until(() => left.onmessage !== null)
  await client.close()
  t.equal(((await ended) as { code?: string }).code, 'CLOSED')
  t.equal(clock.pending, 0, 'and nothing is left to wait for')
})

class Mute extends SocketSignalClient {}
