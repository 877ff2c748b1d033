import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryServer } from 'socket-signal-memory'
import { ManualClock } from 'socket-signal-testing'
import { Child } from '../tools/child.ts'
import { Control } from '../tools/control.ts'
import { RawClient } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { admitted, startServer } from '../tools/websocket.ts'

const MB = 1024 * 1024
test('hostile amplification: a flood into a topic of 2,000 is limited, and its neighbours go on', {
  timeout: 120_000
}, async t => {
  const server = await startServer(t)
  const topic = randomBytes(32)
  const [count, deaf] = [2_000, 20]
  const args = [server.url, topic.toString('hex'), `${count}`, `${deaf}`]
  const crowd = new Child(t, 'test/tools/crowd.ts', args)
  await crowd.says(/joined/)
  const control = await Control.start(t, server.url)
  const { wire, raw } = await admitted(t, server.url)
  await raw.join(topic)
  let most = 0
  const watching = setInterval(() => {
    for (const { bufferedAmount } of server.connections) most = Math.max(most, bufferedAmount)
  }, 50)
  t.teardown(() => clearInterval(watching))
  let sent = 0
  await control.watches(t, async () => {
    const refused = () =>
      raw.received.filter(frame => frame.kind === 'error' && frame.code === 'RATE_LIMITED').length
    // However slow the machine: until it has been too much for a while.
    const end = Date.now() + 40_000
    while (refused() < 20 && Date.now() < end && !raw.closed) {
      if (wire.bufferedAmount < MB) {
        raw.addressed('message', { topic, body: randomBytes(4_000) }, 100 + sent++)
        raw.addressed('message', { topic, body: randomBytes(16_300) }, 50)
      }
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })
  const errors = raw.received.filter(frame => frame.kind === 'error')
  t.ok(
    errors.some(({ code }) => code === 'RATE_LIMITED'),
    'too many are refused'
  )
  t.ok(
    errors.some(({ code, requestId }) => code === 'TOO_LARGE' && requestId === 50),
    'so is one that is too large'
  )
  const last = () => (crowd.stdout.match(/heard (\d+) (\d+) closed (\d+)\n$/) ?? []).slice(1).map(Number)
  const results = raw.received.filter(({ kind }) => kind === 'result').length - 1
  await until(() => last()[0] === results, 'every message that was taken has arrived', 20)
  const [least, greatest, closed] = last() as [number, number, number]
  t.equal(greatest, least, `each of ${count - deaf} got ${least} of ${sent}, once`)
  t.ok(least >= 20 && least <= 300, 'a burst, then what the rate allows')
  t.equal(closed, 0, 'nobody who reads was cut off')
  t.ok(most < 2 * MB, `${most} bytes waited for one socket at most`)
  t.equal(server.stats().topics, 2)
})

test('hostile amplification: many senders share what one topic takes, in proportion to its size', async t => {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock, copyRate: 100, copyBurst: 1_000 })
  t.teardown(() => server.close())
  const member = async (topic: Uint8Array) => {
    const raw = new RawClient(server.dial())
    await raw.hello()
    await raw.join(topic)
    return raw
  }
  const [large, small] = [randomBytes(32), randomBytes(32)]
  const crowd = await Promise.all(Array.from({ length: 101 }, () => member(large)))
  const pair = await Promise.all([member(small), member(small)])
  let requestId = 10
  /** Each says one thing. Gives how many were refused. */
  const say = async (from: RawClient[], topic: Uint8Array): Promise<number> => {
    const asked = from.map(raw => {
      raw.addressed('message', { topic }, ++requestId)
      return requestId
    })
    const answer = (raw: RawClient, id: number) =>
      raw.received.find(
        frame => (frame.kind === 'error' || frame.kind === 'result') && frame.requestId === id
      )
    await until(() => from.every((raw, at) => answer(raw, asked[at] ?? 0)))
    return from.filter((raw, at) => {
      const found = answer(raw, asked[at] ?? 0)
      return found?.kind === 'error' && found.code === 'RATE_LIMITED' && found.retryAfterMs > 0
    }).length
  }
  t.equal(await say(crowd.slice(0, 15), large), 5, 'ten messages to a hundred are a thousand copies')
  t.equal(await say([...pair, ...pair], small), 0, 'another topic has its own')
  await clock.advance(2_000)
  t.equal(await say(crowd.slice(20, 24), large), 2, 'two hundred copies more in two seconds')
  await clock.advance(60_000)
})
