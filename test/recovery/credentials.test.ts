import type { Peer } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { credentials } from 'socket-signal-token'
import type { Test } from 'tape'
import { connectedStory } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'
import { endWithTests, simplePeer } from '../tools/wrtc.ts'

/** Gives one list after the other; each holds for as long as it takes to connect, and little longer. */
function provider(validFor: number) {
  const given: string[] = []
  const world = { failed: 0, fails: false }
  const iceServers = async () => {
    if (world.fails) {
      world.failed++
      throw new Error('down')
    }
    const url = `stun:127.0.0.1:${given.length + 1}`
    given.push(url)
    return { iceServers: [{ urls: url }], expiresAt: Date.now() + validFor }
  }
  return { world, given, iceServers }
}

function serversOf({ stream }: Peer): string[] {
  const { _pc } = stream as unknown as { _pc: RTCPeerConnection }
  return (_pc.getConfiguration().iceServers ?? []).flatMap(({ urls }) => urls)
}

async function connected(t: Test, validFor: number, more: object = {}) {
  const [ours, theirs] = [provider(validFor), provider(validFor)]
  const clients = [ours, theirs].map(({ iceServers }) => ({
    simplePeer: { ...simplePeer, ...more },
    iceServers
  }))
  const { theirs: remote, ...all } = await connectedStory(t, { clients })
  return { ...all, remote, ours, theirs }
}

for (const who of ['who dialed', 'who was dialed'] as const) {
  test(`recovery: ICE servers that have ended are fetched anew before ${who} restarts ICE`, async t => {
    const { alice, bob, peer, remote, ours, theirs } = await connected(t, 1)
    const [before, after] = [ours, theirs].map(({ given }) => given.length) as [number, number]
    const paths = record(peer, 'path-changed')
    ;(who === 'who dialed' ? alice : bob).networkChanged()
    await until(() => paths.length > 0)
    t.ok(ours.given.length > before && theirs.given.length > after, 'both sides asked')
    t.same(serversOf(peer), ours.given.slice(-1))
    t.same(serversOf(remote), theirs.given.slice(-1))
    t.ok(peer.connected)
  })
}

test('recovery: ICE servers that still hold, or are the connection’s own, are left as they are', async t => {
  const { alice, peer, ours } = await connected(t, 3_600_000)
  const paths = record(peer, 'path-changed')
  const { length } = ours.given
  alice.networkChanged()
  await until(() => paths.length > 0)
  t.equal(ours.given.length, length)
  const own = await connected(t, 1, { config: { iceServers: [{ urls: 'stun:127.0.0.1:9' }] } })
  const ownPaths = record(own.peer, 'path-changed')
  own.alice.networkChanged()
  await until(() => ownPaths.length > 0)
  t.same(serversOf(own.peer), ['stun:127.0.0.1:9'])
})

test('recovery: a provider of ICE servers that fails holds no restart up', async t => {
  const { alice, peer, ours } = await connected(t, 1)
  const paths = record(peer, 'path-changed')
  ours.world.fails = true
  alice.networkChanged()
  await until(() => paths.length > 0)
  t.equal(ours.world.failed, 1)
  t.ok(peer.connected)
})

/** A server that takes the tokens of its latest keys alone, and a client that asks for others. */
function keyed(t: Test, { give, reconnect = {} }: { give?: () => string; reconnect?: false | object } = {}) {
  const world = { keys: 'first' }
  const asked: boolean[] = []
  let token = world.keys
  const server = new SocketSignalMemoryServer({ authorize: ({ token }) => token === world.keys })
  const client = new SocketSignalMemoryClient(server, {
    iceServers: [],
    simplePeer,
    reconnect: reconnect && { base: 1, max: 10 },
    token: ({ expiring }) => {
      asked.push(expiring)
      if (expiring) token = give?.() ?? world.keys
      return token
    }
  })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  return { world, asked, server, client }
}

test('recovery: a server with new keys keeps clients that can get new tokens', async t => {
  const { world, asked, server, client } = keyed(t)
  await client.open()
  const seen = record(client, 'connected', 'connect-error')
  for (const keys of ['second', 'third']) {
    world.keys = keys
    seen.length = asked.length = 0
    server.pairs.at(-1)?.break()
    await until(() => seen.some(({ event }) => event === 'connected'))
    t.same(asked, [false, true], 'the old one first, then one anew')
    t.same(
      seen.map(({ event, args }) => [event, args[0]?.code, args[1] === true]),
      [
        ['connect-error', 'TOKEN_INVALID', true],
        ['connected', undefined, false]
      ]
    )
  }
})

test('recovery: a token that is refused twice is the end', async t => {
  const { world, asked, client } = keyed(t, { give: () => 'forged' })
  world.keys = 'second'
  const { code, retryable } = await rejection(client.open())
  t.same([code, retryable], ['TOKEN_INVALID', false])
  t.same(asked, [false, true])
  asked.length = 0
  t.equal((await rejection(client.open())).code, 'TOKEN_INVALID')
  t.same(asked, [false, true], 'each open() anew')
})

test('recovery: credentials() refreshes what a server with new keys refuses', async t => {
  const calls: string[] = []
  const give = async (name: string) => {
    calls.push(name)
    return { token: name, expiry_at: Date.now() + 60_000 }
  }
  const token = credentials({ authenticate: () => give('authenticate'), refresh: () => give('refresh') })
  const server = new SocketSignalMemoryServer({ authorize: ({ token }) => token === 'refresh' })
  const client = new SocketSignalMemoryClient(server, { simplePeer, token, reconnect: { base: 1 } })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  await client.open()
  t.same(calls, ['authenticate', 'refresh'])
})

test('recovery: a client that does not come back, or has one token alone, does not try it again', async t => {
  const { world, asked, client } = keyed(t, { reconnect: false })
  world.keys = 'second'
  t.equal((await rejection(client.open())).code, 'TOKEN_INVALID')
  t.same(asked, [false])
  const server = new SocketSignalMemoryServer({ authorize: () => false })
  const other = new SocketSignalMemoryClient(server, { simplePeer, token: 'a token' })
  t.equal((await rejection(other.open())).code, 'TOKEN_INVALID')
  t.equal(server.pairs.length, 1)
  await server.close()
})

endWithTests()
