// Run as `node --disable-proto=throw --frozen-intrinsics`: whoever writes to a prototype, or reads __proto__, throws.
import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { SocketSignalWebsocketClient, SocketSignalWebsocketServer } from 'socket-signal-websocket'

const rtc = () => {
  throw new Error('no WebRTC here')
}
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
const named = name => Buffer.concat([Buffer.from(name), Buffer.alloc(32)]).subarray(0, 32)
const json = name => JSON.parse(`{"${name}":{"admin":true},"a":[{"${name}":1}]}`)

const told = []
const memory = new SocketSignalMemoryServer({ authorize: () => true })
const websocket = new SocketSignalWebsocketServer({ port: 0, authorize: () => true })
await websocket.open()
for (const make of [
  options => new SocketSignalMemoryClient(memory, options),
  options => new SocketSignalWebsocketClient(websocket.url, options)
]) {
  for (const name of NAMES) {
    const one = make({ rtc, id: named(name), token: name })
    const other = make({ rtc, id: randomBytes(32), verify: 'optional' })
    const topic = named(name)
    await one.join(topic, { info: json(name) })
    const [member] = await other.join(topic, { watch: true })
    const message = new Promise(resolve => other.on('message', resolve))
    await one.publish(topic, json(name))
    const { data } = await message
    const refused = await one
      .remoteConnect(topic, named(`${name}!`))
      .ready()
      .catch(({ code }) => code)
    told.push([Buffer.from(member.id ?? member).equals(one.id), Object.keys(data).includes('a'), refused])
    await Promise.all([one.close(), other.close()])
  }
}
await Promise.all([memory.close(), websocket.close()])
console.log(JSON.stringify({ told, admin: {}.admin ?? 'nobody' }))
