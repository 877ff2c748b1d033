import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Rtc } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { test } from '../tools/test.ts'

/** As simple-peer is where WebRTC is blocked: it ends soon after it was made. */
class BlockedRtc extends EventEmitter {
  connected = false
  destroyed = false
  constructor() {
    super()
    queueMicrotask(() => this.destroy(new Error('WebRTC is blocked here')))
  }
  signal(): void {}
  destroy(error?: Error): void {
    if (this.destroyed) return
    this.destroyed = true
    if (error) this.emit('error', error)
    this.emit('close')
  }
}

class OfferingRtc extends EventEmitter {
  connected = false
  destroyed = false
  constructor() {
    super()
    queueMicrotask(() => this.emit('signal', { type: 'offer', sdp: 'v=0\r\n' }))
  }
  signal(): void {}
  destroy(error?: Error): void {
    this.destroyed = true
    if (error) this.emit('error', error)
    this.emit('close')
  }
}

test('connect: a remote that fails on its own side says so at once, in words', async t => {
  const server = new SocketSignalMemoryServer()
  const alice = new SocketSignalMemoryClient(server, { rtc: () => new OfferingRtc() as unknown as Rtc })
  const bob = new SocketSignalMemoryClient(server, { rtc: () => new BlockedRtc() as unknown as Rtc })
  t.teardown(() => Promise.all([alice.close(), bob.close(), server.close()]).then(() => {}))
  const topic = randomBytes(32)
  await bob.join(topic)
  const failed = await alice
    .connect(topic, bob.id)
    .ready()
    .catch(error => error)
  t.equal(failed.code, 'REJECTED')
  t.match(failed.message, /WebRTC is blocked here/)
})

test('connect: so does one whose owner ends the peer while its offer is being looked at', async t => {
  const server = new SocketSignalMemoryServer()
  const alice = new SocketSignalMemoryClient(server, { rtc: () => new OfferingRtc() as unknown as Rtc })
  const bob = new SocketSignalMemoryClient(server, { rtc: () => new OfferingRtc() as unknown as Rtc })
  bob.onIncomingPeer(peer => peer.destroy(new Error('not today')))
  t.teardown(() => Promise.all([alice.close(), bob.close(), server.close()]).then(() => {}))
  const topic = randomBytes(32)
  await bob.join(topic)
  const failed = await alice
    .connect(topic, bob.id)
    .ready()
    .catch(error => error)
  t.equal(failed.code, 'REJECTED')
  t.match(failed.message, /not today/)
})
