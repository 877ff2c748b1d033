import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { deterministicCrypto, fakeWrtc, ManualClock } from 'socket-signal-testing'
import { duplex } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next } from '../tools/wait.ts'

test('stopped clock: two clients open, join, connect and talk without a timer in their path', async t => {
  const clock = new ManualClock()
  const rtc = fakeWrtc()
  const restore = stopTimers()
  try {
    const server = new SocketSignalMemoryServer({ clock, crypto: deterministicCrypto('server') })
    const client = (seed: string) =>
      new SocketSignalMemoryClient(server, {
        clock,
        crypto: deterministicCrypto(seed),
        simplePeer: { wrtc: rtc },
        iceServers: []
      })
    const [alice, bob] = [client('alice'), client('bob')]
    const topic = new Uint8Array(32).fill(7)
    await bob.join(topic)
    t.same(await alice.join(topic), [bob.id])
    const arrived = next(bob, 'peer-connected')
    const peer = await alice.connect(topic, bob.id).ready()
    const [{ peer: remote }] = await arrived
    const heard = next(duplex(remote), 'data')
    duplex(peer).write('at no time')
    t.equal(String((await heard)[0]), 'at no time')
    t.equal(clock.now(), 0, 'the clock never moved')
    await Promise.all([alice.close(), bob.close()])
    await server.close()
    t.equal(clock.pending, 0, 'and no timer is left')
  } finally {
    restore()
  }
})

/** Lets only timers of 0 ms fire: simple-peer leaves the stack with one before it makes an offer. */
function stopTimers(): () => void {
  const { setTimeout: real } = globalThis
  const stopped = (callback: () => void, ms = 0) => (ms === 0 ? real(callback, 0) : real(() => {}, 0))
  globalThis.setTimeout = stopped as never
  return () => {
    globalThis.setTimeout = real
  }
}
