import { randomBytes } from 'node:crypto'
import {
  type AttachOptions,
  type Mailbox,
  MemoryBackplane,
  MemoryCluster,
  type Outgoing,
  type ReplyTo
} from 'socket-signal'
import { SocketSignalMemoryServer, type SocketSignalMemoryServerOptions } from 'socket-signal-memory'
import type { Test } from 'tape'
import { KINDS } from '../../packages/core/src/protocol.ts'
import { RawClient } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

/** Says by which way each frame went. `sends`: whether its attachments do. */
class Told extends MemoryBackplane {
  readonly ways: string[] = []
  readonly #sends: boolean

  constructor(cluster: MemoryCluster, sends: boolean) {
    super({ cluster })
    this.#sends = sends
  }

  override attach(id: Uint8Array, options: AttachOptions, mailbox: Mailbox) {
    const place = super.attach(id, options, mailbox)
    if (!this.#sends) return Object.assign(place, { send: undefined })
    const send = place.send?.bind(place)
    place.send = (signal: Outgoing) => {
      this.#note('attachment', signal.frame)
      return send?.(signal) ?? false
    }
    return place
  }

  override send(to: Uint8Array, frame: Uint8Array, replyTo?: ReplyTo): boolean {
    this.#note('backplane', frame)
    return super.send(to, frame, replyTo)
  }

  #note(way: string, frame: Uint8Array): void {
    this.ways.push(`${KINDS[frame[0] as number]} by ${way}`)
  }
}

/** Two who have joined the topic, each at a node of its own. */
async function pair(t: Test, topic: Buffer, options: SocketSignalMemoryServerOptions[]) {
  const clients = []
  for (const each of options) {
    const server = new SocketSignalMemoryServer(each)
    t.teardown(() => server.close())
    const client = new RawClient(server.dial())
    await client.hello()
    await client.join(topic)
    clients.push(client)
  }
  return clients as [RawClient, RawClient]
}

const SENT = ['offer', 'signal', 'cancel', 'message', 'signal', 'remoteConnect', 'signal'] as const

test('backplane: signals, and what gives offers up, go by an attachment that sends, in order with all else', async t => {
  const topic = randomBytes(32)
  const cluster = new MemoryCluster()
  const nodes = [new Told(cluster, true), new Told(cluster, false)] as const
  const [alice, bob] = await pair(
    t,
    topic,
    nodes.map(backplane => ({ backplane, onSignal: async () => {} }))
  )
  const way = (kind: string) => (/signal|cancel/.test(kind) ? 'attachment' : 'backplane')
  for (const [from, to, { ways }, expected] of [
    [alice, bob, nodes[0], SENT.map(kind => `${kind} by ${way(kind)}`)],
    [bob, alice, nodes[1], SENT.map(kind => `${kind} by backplane`)]
  ] as const) {
    for (const [at, kind] of SENT.entries())
      from.addressed(kind, { address: to.id, topic, seq: at + 1 }, at + 1)
    const kinds = () => to.received.map(({ kind }) => kind).filter(kind => SENT.includes(kind as 'offer'))
    await until(() => kinds().length === SENT.length)
    t.deepEqual(kinds(), SENT)
    t.deepEqual(ways, expected)
  }
})

test('backplane: an attachment that fails to send is told, and its owner goes on', async t => {
  const topic = randomBytes(32)
  const backplane = new MemoryBackplane()
  const attach = backplane.attach.bind(backplane)
  let fails = 0
  backplane.attach = (id, options, mailbox) => {
    const place = attach(id, options, mailbox)
    const send = place.send?.bind(place)
    place.send = signal => {
      if (fails === 0) return send?.(signal) ?? false
      if (fails-- > 1) return Promise.reject(new Error('later'))
      throw new Error('at once')
    }
    return place
  }
  const server = new SocketSignalMemoryServer({ backplane })
  t.teardown(() => server.close())
  const errors: unknown[] = []
  server.on('connection-error', error => errors.push((error as Error).message))
  const [alice, bob] = [new RawClient(server.dial()), new RawClient(server.dial())]
  for (const client of [alice, bob]) await client.hello()
  fails = 2
  for (let seq = 1; seq < 4; seq++) alice.addressed('signal', { address: bob.id, topic, seq })
  const signal = await bob.next('signal')
  t.equal(signal.seq, 3)
  t.deepEqual(errors.sort(), ['at once', 'later'])
})
