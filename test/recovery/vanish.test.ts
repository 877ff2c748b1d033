import { topicFromName } from 'socket-signal'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { endWithTests, realClient } from '../tools/wrtc.ts'

const NAME = 'gone'

async function called(t: Test, silent: boolean) {
  const server = await readyMade(t, { page: false })
  const callee = new Child(t, 'test/tools/vanishing.ts', [
    server.signalUrl,
    NAME,
    ...(silent ? ['silent'] : [])
  ])
  await callee.says(/joined/)
  const client = realClient(t, server.signalUrl, { connectTimeout: 3000 })
  const topic = await topicFromName(NAME)
  const [id] = await client.join(topic)
  const dial = () => client.connect(topic, id as Uint8Array)
  const leavesNothing = async () => {
    await until(() => server.signal.stats().offers === 0, 'no offer is left at the server')
    t.same(client.peers, [], 'nor a peer')
  }
  return { callee, client, dial, leavesNothing }
}

test('recovery: row 29: a callee that is killed in mid-offer is told of within a second', async t => {
  const { callee, dial, leavesNothing } = await called(t, true)
  const peer = dial()
  await callee.says(/asked/)
  const late = setTimeout(() => peer.destroy(new Error('a second is over')), 1000)
  callee.kill('SIGKILL')
  const { code } = await rejection(peer.ready())
  clearTimeout(late)
  t.equal(code, 'PEER_AWAY')
  t.match((await peer.explain()).sentence, /lost its connection/)
  await leavesNothing()
})

test('recovery: row 29: a callee that hangs in mid-offer is given up at the deadline', async t => {
  const { callee, dial, leavesNothing } = await called(t, true)
  const peer = dial()
  await callee.says(/asked/)
  callee.kill('SIGSTOP')
  t.equal((await rejection(peer.ready())).code, 'SIGNAL_TIMEOUT')
  const told = await peer.explain()
  t.match(told.sentence, /did not answer in time/)
  t.same(
    told.stages
      .filter(({ took, name }) => took === undefined && name !== 'gathering')
      .map(({ name }) => name),
    ['route']
  )
  await leavesNothing()
})

test('recovery: row 29: a callee that is killed behind its answer is told of within a second', async t => {
  const { callee, client, dial, leavesNothing } = await called(t, false)
  let late: NodeJS.Timeout | undefined
  client.onAnswer(() => {
    late = setTimeout(() => peer.destroy(new Error('a second is over')), 1000)
    callee.kill('SIGKILL')
  })
  const peer = dial()
  const { code } = await rejection(peer.ready())
  clearTimeout(late)
  t.equal(code, 'PEER_AWAY')
  t.match((await peer.explain()).sentence, /lost its connection/)
  await leavesNothing()
})

test('recovery: row 29: a callee that hangs behind its answer is given up at the deadline', async t => {
  const { callee, client, dial, leavesNothing } = await called(t, false)
  client.onAnswer(() => callee.kill('SIGSTOP'))
  const peer = dial()
  t.equal((await rejection(peer.ready())).code, 'CONNECT_TIMEOUT')
  const { stages } = await peer.explain()
  t.ok(
    stages.some(({ name, took }) => name === 'checking' && took === undefined),
    'it stands at checking'
  )
  await leavesNothing()
})

endWithTests()
