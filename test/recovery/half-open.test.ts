import type { SocketSignalClient } from 'socket-signal'
import type { Test } from 'tape'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

/** Bob has answered alice's dial; she is still asked about his answer, so that no channel opens. */
async function halfOpen(t: Test, how: 'connect' | 'remoteConnect' = 'connect') {
  const all = await story(t)
  const { alice, bob, topic } = all
  await Promise.all([alice.join(topic), bob.join(topic)])
  const [dials, answers] = how === 'connect' ? [alice, bob] : [bob, alice]
  const answered = new Promise<void>(resolve => {
    dials.onAnswer(() => {
      resolve()
      return new Promise(() => {})
    })
  })
  const abort = new AbortController()
  const peer = alice[how](topic, bob.id, { signal: abort.signal })
  const ready = rejection(peer.ready())
  await answered
  t.equal(answers.peers.length, 1)
  return { ...all, abort, peer, ready }
}

const none = ({ peers }: SocketSignalClient) => peers.length === 0

for (const how of ['connect', 'remoteConnect'] as const) {
  test(`recovery: row 29: ${how}: a callee that leaves behind its answer is PEER_LEFT at once`, async t => {
    const { bob, ready, server } = await halfOpen(t, how)
    await bob.close()
    t.equal((await ready).code, 'PEER_LEFT')
    await until(() => server.stats().offers === 0)
  })

  test(`recovery: row 29: ${how}: a callee whose socket breaks behind its answer is PEER_AWAY at once`, async t => {
    const { ready, server } = await halfOpen(t, how)
    server.pairs[1]?.break()
    t.equal((await ready).code, 'PEER_AWAY')
  })
}

test('recovery: a callee whose socket the server ends goes on with what it has answered', async t => {
  const { alice, bob, server, topic, peer } = await halfOpen(t)
  const seen = record(bob, 'connected')
  for (const connection of server.connections)
    if (Buffer.compare(connection.id, bob.id) === 0) connection.close('INTERNAL')
  await until(() => seen.length === 1)
  t.same(await alice.lookup(topic), [bob.id])
  t.notOk(peer.destroyed)
})

const ends = {
  aborted: ({ abort }) => abort.abort(),
  closed: ({ peer }) => void peer.close(),
  'given up by its client': ({ alice }) => void alice.close()
} satisfies { [how: string]: (dial: Awaited<ReturnType<typeof halfOpen>>) => void }

for (const [how, end] of Object.entries(ends)) {
  test(`recovery: an answered dial that is ${how} ends at the callee at once`, async t => {
    const dial = await halfOpen(t)
    const { bob } = dial
    const errors = record(bob, 'peer-error')
    end(dial)
    await until(() => none(bob))
    t.match(errors[0]?.args[0].error.message, /the remote gave up/)
    await dial.ready
  })
}

test('recovery: an answered dial that has taken too long ends at the callee as well', async t => {
  const { alice, bob, topic } = await story(t, { clients: [{ connectTimeout: 1000 }, {}] })
  await bob.join(topic)
  alice.onAnswer(() => new Promise(() => {}))
  const { code } = await rejection(alice.connect(topic, bob.id).ready())
  t.equal(code, 'CONNECT_TIMEOUT')
  await until(() => none(bob))
})

test('recovery: a callee that gives up behind its answer is heard by the caller at once', async t => {
  const { bob, ready } = await halfOpen(t)
  bob.peers[0]?.destroy(new Error('no more'))
  t.equal((await ready).code, 'PEER_LEFT')
})
