import { readFileSync } from 'node:fs'
import { topicFromName } from 'socket-signal'
import { createServer } from 'socket-signal-server'
import type { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { startRedis } from '../tools/redis.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { realClient } from '../tools/wrtc.ts'

const options = { needs: ['redis-server' as const], timeout: 60_000 }
const BIN = 'packages/server/src/bin.ts'

/** A server in a process of its own, that logs in JSON. */
async function startServer(t: Test, redis: string) {
  const child = new Child(t, BIN, ['--port', '0', '--redis', redis, '--log', 'json'])
  const [line] = await child.says(/^\{.*"msg":"running"\}$/m)
  const { page, signals } = JSON.parse(line)
  return { child, page, signals }
}

test('redis server: clients of two servers connect, and each says how it stands', options, async t => {
  const redis = await startRedis(t)
  const servers = [await startServer(t, redis.url), await startServer(t, redis.url)]
  const topic = await topicFromName('a place')
  const [one, two] = servers.map(({ signals }) => realClient(t, signals)) as [
    SocketSignalWebsocketClient,
    SocketSignalWebsocketClient
  ]
  await one.join(topic)
  t.deepEqual(
    (await two.join(topic)).map(id => Buffer.compare(id, one.id)),
    [0],
    'they find each other'
  )
  const peer = two.connect(topic, one.id)
  await peer.ready()
  t.ok((peer.stream as unknown as { connected: boolean }).connected, 'and connect')
  for (const { page } of servers) {
    t.equal((await fetch(`${page}readyz`)).status, 200)
    const metrics = await (await fetch(`${page}metrics`)).text()
    for (const name of [
      'connections 1',
      'topics 1',
      'backplane_ready 1',
      'backplane_nodes 1',
      'routed_total'
    ])
      t.ok(metrics.includes(`socket_signal_${name}`), name)
    t.ok(/nodejs_eventloop_lag_p99_seconds \d/.test(metrics), 'the delay of the event loop')
    t.notOk(metrics.includes(Buffer.from(one.id).toString('hex')), 'no ids')
  }
  const error = await rejection(two.connect(topic, new Uint8Array(32).fill(1)).ready())
  t.equal(error.code, 'PEER_NOT_FOUND')
  const refusals = await (await fetch(`${servers[1]?.page}metrics`)).text()
  t.ok(refusals.includes('socket_signal_refusals_total{code="PEER_NOT_FOUND"} 1'), 'refusals by code')

  await redis.kill()
  const ready = () => Promise.all(servers.map(async ({ page }) => (await fetch(`${page}readyz`)).status))
  await until(async () => String(await ready()) === '503,503', 'they are not ready without Redis', 10)
  t.equal((await fetch(`${servers[0]?.page}healthz`)).status, 200, 'but alive')
  await redis.start()
  await until(async () => String(await ready()) === '200,200', 'and ready again', 15)
  for (const { child } of servers) {
    t.ok(
      /"msg":"backplane degraded"/.test(child.stdout) && /"msg":"backplane recovered"/.test(child.stdout),
      'it is logged'
    )
    child.kill('SIGTERM')
    t.equal(await child.ended, 0, 'drains and ends')
  }
})

test('redis server: without Redis at the start it serves alone, and says so', options, async t => {
  const redis = await startRedis(t)
  await redis.kill()
  const { page, signals } = await startServer(t, redis.url)
  t.equal((await fetch(`${page}readyz`)).status, 503)
  const [one, two] = [realClient(t, signals), realClient(t, signals)]
  const topic = await topicFromName('a place')
  await one.join(topic)
  t.equal((await two.join(topic)).length, 1, 'those of this server find each other')
  const error = await rejection(two.connect(topic, new Uint8Array(32).fill(1)).ready())
  t.equal(error.code, 'BACKPLANE_UNAVAILABLE')
})

test('redis server: why Redis can not be used is said, without the password', options, async t => {
  const port = await authorized(t)
  for (const [login, place, words] of [
    ['signal:wrong@', port, /WRONGPASS/],
    ['signal:secret@', 1, /ECONNREFUSED/],
    ['signal:secret@', `${port}/99`, /DB index is out of range/],
    ['deaf:secret@', port, /NOPERM .*channels/]
  ] as const) {
    const child = new Child(t, BIN, ['--port', '0', '--redis', `redis://${login}127.0.0.1:${place}`])
    await child.says(/redis +degraded/)
    await until(() => words.test(child.stderr), String(words), 10)
    t.match(child.stderr, /alone until Redis can be used again/)
    t.notOk(/secret|wrong/.test(child.stderr + child.stdout))
    child.kill('SIGTERM')
    t.equal(await child.ended, 0)
  }
  const child = new Child(t, BIN, ['--port', '0', '--redis', `redis://signal:secret@127.0.0.1:${port}`])
  await child.says(/redis +ready/)
  t.equal(child.stderr, '', 'what README lists is enough')
})

/** A Redis with users: one that may do what README lists, and one that may use no channels. */
async function authorized(t: Test) {
  const redis = await startRedis(t)
  const README = readFileSync('packages/redis/README.md', 'utf8')
  const [command = ''] = /ACL SETUSER signal [^`]+/.exec(README) ?? []
  await redis.ask(command)
  await redis.ask('ACL SETUSER deaf on >secret ~* resetchannels +@all')
  return redis.port
}

test('redis server: one that can not listen ends, though it has found its Redis', options, async t => {
  const redis = await startRedis(t)
  const { page } = await startServer(t, redis.url)
  const { port } = new URL(page)
  const second = new Child(t, BIN, ['--port', port, '--redis', redis.url])
  t.equal(await second.ended, 1)
  t.match(second.stderr, new RegExp(`port ${port} is taken`))
})

test('redis server: wrong options are told at once, without the password that they may hold', options, t => {
  for (const redis of ['http://x', 'redis://', 'localhost:6379', 'redis://x/main', '']) {
    t.throws(() => createServer({ redis }), /redis:\/\/host:6379/)
  }
  t.doesNotThrow(() => createServer({ redis: [] }))
  t.end()
})
