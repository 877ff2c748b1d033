// Mostly waits: the runner starts it beside the others.
import { toHex, topicFromName } from 'socket-signal'
import { degree, Swarm } from 'socket-signal-swarm'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { freePort } from '../tools/port.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { simplePeer } from '../tools/wrtc.ts'

const PEERS = 20
const K = 5

test('swarm: 20 real peers and no server for 60 s: no link is lost, two killed peers’ holes heal, the server is taken back', {
  timeout: 175_000
}, async t => {
  const port = await freePort()
  const url = `ws://127.0.0.1:${port}`
  const serve = async () => {
    const child = new Child(t, 'packages/websocket/src/bin.ts', ['--port', String(port)])
    await child.says(/\d/)
    return child
  }
  const server = await serve()
  const victims = await Promise.all(
    [1, 2].map(async () => {
      const child = new Child(t, 'test/tools/swarmer.ts', [url, 'real', String(K)])
      const [, id = ''] = await child.says(/joined (\w{64})/)
      return { child, id }
    })
  )
  const swarms = await Promise.all(Array.from({ length: PEERS - 2 }, () => join(t, url)))
  const ids = () => swarms.map(({ connections }) => connections.map(({ info }) => toHex(info.id)))
  await until(() => ids().every(({ length }) => length >= K && length <= K + 1), 'all have their links', 60)
  const dead = new Set(victims.map(({ id }) => id))
  t.ok(
    ids()
      .flat()
      .some(id => dead.has(id)),
    'the two that will be killed are connected with others'
  )
  await settled(() => JSON.stringify(ids()), 7, 60)

  const killed = Date.now()
  server.kill('SIGKILL')
  const links = swarms.flatMap(({ connections }) => connections.map(({ info }) => info.peer))
  await sleep(20_000)
  // One that is too many for both sides may be ended, in order.
  t.deepEqual(
    links.flatMap(({ connected, error }) => (connected || !error ? [] : [error.message])),
    [],
    `of ${links.length} links none is lost after 20 s`
  )
  t.ok(
    ids().every(({ length }) => length >= K),
    'all have their links'
  )
  for (const { child } of victims) child.kill('SIGKILL')
  await until(
    () => ids().every(list => list.length >= K && list.every(id => !dead.has(id))),
    () => `everybody has its links again, none with who was killed: ${ids().map(({ length }) => length)}`,
    90
  )
  t.ok(
    swarms.every(({ stats }) => stats.dialing < 9),
    `healed ${(Date.now() - killed - 20_000) / 1000} s after they were killed`
  )
  const carried = swarms.reduce((sum, { stats }) => sum + stats.carried.received, 0)
  t.ok(carried > 0, `${carried} signals came over peers`)
  await sleep(Math.max(0, killed + 60_000 - Date.now()))
  const lost = links.filter(peer => !peer.connected && !dead.has(toHex(peer.id)) && peer.error)
  t.deepEqual(
    lost.map(({ error }) => error?.message),
    [],
    'no link failed'
  )

  await serve()
  const newcomer = await join(t, url)
  await until(
    () => newcomer.connections.length >= K,
    'a newcomer finds them over the server that came back',
    60
  )
  t.pass('the server is taken back')
  await until(
    () => ids().every(({ length }) => length >= K && length <= K + 1),
    () => `links of each: ${ids().map(({ length }) => length)}`,
    30
  )
})

/** Waits until something has stayed as it is for so long: neighbours have told each other how they stand. */
async function settled(state: () => string, still: number, seconds: number): Promise<void> {
  let [last, since] = ['', Date.now()]
  const stands = () => {
    const now = state()
    if (now !== last) [last, since] = [now, Date.now()]
    return Date.now() - since >= still * 1000
  }
  await until(stands, 'the mesh has settled', seconds)
}

async function join(t: Test, url: string): Promise<Swarm> {
  const client = new SocketSignalWebsocketClient(url, { iceServers: [], simplePeer })
  const swarm = new Swarm(client, { topology: degree(K) })
  t.teardown(async () => {
    await swarm.destroy()
    await client.close()
  })
  await swarm.join(await topicFromName('real'))
  return swarm
}

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
