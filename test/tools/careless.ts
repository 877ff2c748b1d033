// An app that listens to no event, awaits nothing and throws wherever it is asked. It says `alive` at its end.
import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Rtc, SocketSignalClientOptions } from 'socket-signal'
import { SocketSignalWebsocketClient, SocketSignalWebsocketServer } from 'socket-signal-websocket'
import { Wire } from './wire.ts'
import { simplePeer } from './wrtc.ts'

/** As simple-peer fails: with an error, at any time, and again after its end. */
class FailingRtc extends EventEmitter {
  connected = false
  destroyed = false
  constructor(at: number) {
    super()
    setTimeout(() => this.destroy(new Error('it failed')), at)
  }
  signal(): void {
    throw new Error('it can not take a signal')
  }
  destroy(error?: Error): void {
    this.destroyed = true
    if (error) this.emit('error', error)
    this.emit('close')
  }
}

const fail = () => {
  throw new Error('an app that throws')
}
const reject = async () => fail()
const server = new SocketSignalWebsocketServer({
  port: 0,
  onConnect: reject as never,
  onDisconnect: reject
})
const kind = new SocketSignalWebsocketServer({
  port: 0,
  onDisconnect: reject,
  onSignal: reject,
  onLeave: fail as never
})
await Promise.all([server.open(), kind.open()])
const topic = randomBytes(32)
const real = { simplePeer, iceServers: [], requestTimeout: 700 }
const careless = (options: SocketSignalClientOptions = {}) =>
  new SocketSignalWebsocketClient(kind.url, { ...real, ...options })

const refused = new SocketSignalWebsocketClient(server.url, real)
void refused.open().catch(() => {})
const gone = new SocketSignalWebsocketClient('ws://127.0.0.1:9', real)
gone.open().catch(() => {})

const callee = careless({ requestTimeout: 10_000 })
await callee.join(topic)
const gates = [fail, reject, () => new Promise(() => {}), () => {}]
const callers = [
  careless(),
  careless({ rtc: fail }),
  careless({ rtc: () => new FailingRtc(0) as unknown as Rtc }),
  careless({ rtc: () => new FailingRtc(300) as unknown as Rtc }),
  careless({ id: randomBytes(32) })
]
for (const gate of gates) {
  callee.onOffer(gate as never)
  callee.onIncomingPeer(gate as never)
  callee.onRemoteConnect(gate as never)
  for (const caller of callers) {
    // Nobody waits for any of these.
    caller.onAnswer(fail as never)
    const peer = caller.connect(topic, callee.id)
    caller.connect(topic, randomBytes(32))
    caller.remoteConnect(topic, callee.id)
    caller.connect(topic, callee.id, { signal: AbortSignal.timeout(30) })
    setTimeout(() => peer.destroy(new Error('enough')), 50)
  }
  await new Promise(resolve => setTimeout(resolve, 300))
}
for (const bytes of ['', 'garbage', '\0'.repeat(1000)]) {
  const wire = await Wire.dial(kind.url)
  wire.write(bytes)
  setTimeout(() => wire.tcp.resetAndDestroy(), 20)
}
// In the middle of it all the server goes, and comes back to nobody.
for (const caller of callers) caller.connect(topic, callee.id)
await kind.close()
await new Promise(resolve => setTimeout(resolve, 1_200))
await Promise.all([...callers, callee, refused, gone, server].map(each => each.close()))
console.log('alive')
process.exit()
