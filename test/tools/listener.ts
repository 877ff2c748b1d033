// A reader in a process of its own: joins a topic, reads as fast as its link lets it, and ends when it is closed.
import { RawClient } from './raw.ts'
import { Wire } from './wire.ts'

const [url = '', topic = ''] = process.argv.slice(2)
const wire = await Wire.dial(url)
const raw = new RawClient(wire, undefined, new URL(url).origin)
await raw.hello()
await raw.join(Buffer.from(topic, 'hex'))
while (!raw.closed) {
  await new Promise(resolve => setTimeout(resolve, 100))
  raw.received.length = 0
}
