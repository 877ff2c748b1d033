import { randomBytes } from 'node:crypto'
import type { Test } from 'tape'
import { createAddressed, encodeFrame } from '../../packages/core/src/frame.ts'
import { Command, run } from '../tools/command.ts'
import { Control } from '../tools/control.ts'
import { heap } from '../tools/heap.ts'
import { type RawClient, rawJoin, rawLookup } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'
import { admitted, startServer } from '../tools/websocket.ts'
import { frameBytes, OPCODE } from '../tools/wire.ts'

const MB = 1024 * 1024
const FAST = {
  frameRate: 1e6,
  frameBurst: 1e6,
  messageRate: 1e6,
  messageBurst: 1e6,
  copyRate: 1e9,
  copyBurst: 1e9
}
const none = new Uint8Array(0)

async function joined(t: Test, url: string, topic: Uint8Array) {
  const client = await admitted(t, url)
  await client.raw.join(topic)
  return client
}

/** Says so many MB to a topic, as fast as the server takes them. */
async function speak(raw: RawClient, topic: Uint8Array, megabytes: number): Promise<number> {
  let refused = 0
  const body = randomBytes(15_000)
  for (let part = 0; part < (megabytes * MB) / body.length; part += 20) {
    raw.received.length = 0
    for (let at = 0; at < 20; at++) raw.addressed('message', { topic, body }, 100 + at)
    await raw.settled(() => raw.received.length >= 20)
    refused += raw.received.filter(({ kind }) => kind === 'error').length
  }
  return refused
}

test('hostile readers: one that stops reading is closed at 1 MiB, while 100 MB go to the others', {
  timeout: 60_000
}, async t => {
  const server = await startServer(t, FAST)
  const control = await Control.start(t, server.url)
  const topic = randomBytes(32)
  const [slow, healthy, speaker] = [
    await joined(t, server.url, topic),
    await joined(t, server.url, topic),
    await joined(t, server.url, topic)
  ]
  let heard = 0
  healthy.wire.onmessage = message => (heard += message.length)
  const connection = [...server.connections].find(({ id }) => Buffer.compare(id, slow.raw.id) === 0)
  const ends = record(server, 'disconnection')
  const before = await heap()
  slow.wire.pause()
  let most = 0
  const watching = setInterval(() => (most = Math.max(most, connection?.bufferedAmount ?? 0)), 1)
  t.teardown(() => clearInterval(watching))
  await control.watches(t, async () => {
    t.equal(await speak(speaker.raw, topic, 100), 0, 'nothing was refused')
    await until(() => heard > 100 * MB, 'the healthy reader has all of it', 20)
  })
  t.same(
    ends.map(({ args }) => [args[0] === connection, args[1].code]),
    [[true, 4001]]
  )
  t.ok(most > 0 && most < 2 * MB, `${most} bytes waited for it at most`)
  slow.wire.destroy()
  await until(() => server.stats().sockets === 4)
  const grown = (await heap()) - before
  t.ok(grown < 10 * MB, `${grown} bytes are left of it`)
})

test('hostile readers: one that asks and never reads is closed, whatever it asks for', {
  timeout: 60_000
}, async t => {
  const server = await startServer(t, { ...FAST, joinRate: 1e6, joinBurst: 1e6 })
  const control = await Control.start(t, server.url)
  const topic = randomBytes(32)
  for (let at = 0; at < 40; at++) {
    const { raw } = await admitted(t, server.url)
    await raw.join(topic, { info: Buffer.alloc(1024, 'x') })
  }
  let asked = 0
  const asks: [string, () => Uint8Array][] = [
    ['pings', () => encodeFrame({ kind: 'ping', requestId: 7, received: 0 })],
    ['look-ups', () => encodeFrame(rawLookup(topic, { requestId: 7, limit: 1000, details: true }))],
    ['snapshots', () => encodeFrame(rawJoin(topic, { requestId: 7, watch: true }))],
    ['errors', () => Uint8Array.of(0x7f, 0, 0, 0, 0, 7)],
    ['offers to nobody', () => offer(topic, ++asked)]
  ]
  await control.watches(t, async () => {
    for (const [name, make] of asks) {
      const { wire, raw } = await admitted(t, server.url)
      const [connection] = [...server.connections].filter(({ id }) => Buffer.compare(id, raw.id) === 0)
      wire.pause()
      let most = 0
      for (let sent = 0; !connection?.closed && sent < 2_000_000; sent += 500) {
        for (let at = 0; at < 500; at++) wire.send(make())
        await until(() => wire.bufferedAmount < MB || connection?.closed === true, undefined, 20)
        await new Promise(setImmediate)
        most = Math.max(most, connection?.bufferedAmount ?? 0)
      }
      t.ok(connection?.closed, `${name}: closed`)
      t.ok(most < 2 * MB, `${name}: ${most} bytes waited at most`)
      wire.destroy()
    }
  })
})

test('hostile readers: pings of WebSocket, which no limit of ours counts, are not answered without an end', {
  timeout: 60_000
}, async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const ping = frameBytes(Buffer.alloc(125), { opcode: OPCODE.ping })
  const many = Buffer.concat(Array.from({ length: 500 }, () => ping))
  await control.watches(t, async () => {
    const { wire, raw } = await admitted(t, server.url)
    const [connection] = [...server.connections].filter(({ id }) => Buffer.compare(id, raw.id) === 0)
    wire.pause()
    let most = 0
    for (let sent = 0; !connection?.closed && sent < 1_000_000; sent += 500) {
      wire.write(many)
      await until(() => wire.bufferedAmount < MB || connection?.closed === true, undefined, 20)
      await new Promise(setImmediate)
      most = Math.max(most, connection?.bufferedAmount ?? 0)
    }
    t.ok(connection?.closed, 'it is closed')
    t.ok(most < MB, `${most} bytes of answers waited at most`)
    wire.destroy()
  })
})

function offer(topic: Uint8Array, requestId: number): Uint8Array {
  const address = randomBytes(32)
  const frame = createAddressed('offer', { flags: 1, address, topic, session: address, seq: 1, body: none })
  frame.requestId = requestId
  return frame.bytes
}

test('hostile readers: one behind 64 kbit/s is closed as well, and nobody waits for it', {
  needs: ['ip'],
  timeout: 60_000
}, async t => {
  const link = await thinLink(t)
  const server = await startServer(t, { ...FAST, host: link.address })
  const control = await Control.start(t, server.url)
  const topic = randomBytes(32)
  const ends = record(server, 'disconnection')
  const args = [
    'netns',
    'exec',
    link.namespace,
    process.execPath,
    '--conditions=@socket-signal/source',
    '--import',
    'tsx'
  ]
  new Command(t, ['ip', ...args, 'test/tools/listener.ts', server.url, topic.toString('hex')])
  await until(() => server.stats().topics === 2, 'it has joined', 20)
  const speaker = await joined(t, server.url, topic)
  await control.watches(t, async () => {
    await speak(speaker.raw, topic, 20)
    await until(() => ends.length > 0, undefined, 20)
  })
  t.same(
    ends.map(({ args }) => args[1].code),
    [4001]
  )
})

/** A namespace behind a link that carries 64 kbit/s from here; gone when the test ends. */
async function thinLink(t: Test): Promise<{ namespace: string; address: string }> {
  const [namespace, near, far] = [`thin${process.pid}`, `tn${process.pid}`, `tf${process.pid}`]
  const address = '10.213.77.1'
  const ip = async (...words: string[]) => {
    const [file = ''] = words
    const { code, stderr } = await run(t, words)
    if (code !== 0) throw new Error(`${file} failed: ${stderr}`)
  }
  await ip('ip', 'netns', 'add', namespace)
  t.teardown(() => run(t, ['ip', 'netns', 'del', namespace]).then(() => {}))
  await ip('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', namespace)
  await ip('ip', 'addr', 'add', `${address}/30`, 'dev', near)
  await ip('ip', 'link', 'set', near, 'up')
  await ip('ip', '-n', namespace, 'addr', 'add', '10.213.77.2/30', 'dev', far)
  await ip('ip', '-n', namespace, 'link', 'set', far, 'up')
  await ip(
    'tc',
    'qdisc',
    'add',
    'dev',
    near,
    'root',
    'tbf',
    'rate',
    '64kbit',
    'burst',
    '4kb',
    'limit',
    '32kb'
  )
  return { namespace, address }
}
