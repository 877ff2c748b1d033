import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { deterministicCrypto, fakeWrtc, ManualClock, seededRandom } from 'socket-signal-testing'
import { flip } from '../tools/bytes.ts'
import { test } from '../tools/test.ts'

test('deterministic crypto: the same seed gives the same bytes, another one others', t => {
  const [a, b, c] = [deterministicCrypto(1), deterministicCrypto(1), deterministicCrypto('1')]
  for (const size of [0, 1, 32, 100]) {
    const bytes = a.randomBytes(size)
    t.equal(bytes.length, size)
    t.same(bytes, b.randomBytes(size))
    if (size > 8) t.notSame(bytes, c.randomBytes(size))
  }
  t.same(a.generateKeyPair(), b.generateKeyPair())
  t.notSame(a.randomBytes(32), a.randomBytes(32), 'and never the same twice')
  t.end()
})

test('deterministic crypto: a signature stands for one key and one message', t => {
  const crypto = deterministicCrypto('alice')
  const keys = crypto.generateKeyPair()
  const { publicKey, sign } = crypto.identity(keys)
  const message = randomBytes(100)
  const signature = sign(message) as Uint8Array
  t.same([publicKey.length, signature.length], [32, 64])
  t.ok(crypto.verify(publicKey, message, signature))
  t.ok(deterministicCrypto('bob').verify(publicKey, message, signature), 'anybody can check it')
  for (let at = 0; at < 64; at++) {
    if (crypto.verify(publicKey, message, flip(signature, 8 * at)))
      t.fail(`byte ${at} of the signature was changed`)
    if (crypto.verify(publicKey, flip(message, 8 * at), signature))
      t.fail(`byte ${at} of the message was changed`)
    if (crypto.verify(flip(publicKey, 8 * (at % 32)), message, signature))
      t.fail(`byte ${at} of the key was changed`)
  }
  t.notOk(crypto.verify(crypto.generateKeyPair().publicKey, message, signature))
  t.notOk(crypto.verify(publicKey, message, signature.subarray(1)))
  t.notOk(crypto.verify(publicKey, message, new Uint8Array(64)))
  t.throws(() => crypto.identity({ ...keys, publicKey: randomBytes(32) }), TypeError)
  t.end()
})

test('seeded random: the same run each time, from 0 to below 1', t => {
  const run = (seed: number) => Array.from({ length: 1000 }, seededRandom(seed))
  t.same(run(7), run(7))
  t.notSame(run(7), run(8))
  const numbers = run(7)
  t.ok(numbers.every(number => number >= 0 && number < 1))
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length
  t.ok(Math.abs(mean - 0.5) < 0.05, `mean ${mean}`)
  t.end()
})

test('with a clock that stands still, clients with their own seeds connect; afterwards no timer is left', async t => {
  const clock = new ManualClock()
  const rtc = fakeWrtc({ clock })
  const server = new SocketSignalMemoryServer({ clock, crypto: deterministicCrypto('server') })
  const [alice, bob] = ['alice', 'bob'].map(
    seed =>
      new SocketSignalMemoryClient(server, {
        clock,
        crypto: deterministicCrypto(seed),
        random: seededRandom(1),
        simplePeer: { wrtc: rtc, iceCompleteTimeout: 50 },
        iceServers: []
      })
  ) as [SocketSignalMemoryClient, SocketSignalMemoryClient]
  const topic = deterministicCrypto('topic').randomBytes(32)
  await bob.join(topic)
  await alice.join(topic)
  t.equal(rtc.made, 0, 'nothing is made before it is needed')
  await alice.connect(topic, bob.id).ready()
  t.same([clock.now(), rtc.open], [0, 2])
  await Promise.all([alice.close(), bob.close()])
  await server.close()
  t.same([rtc.open, rtc.made, clock.pending], [0, 2, 0])
})
