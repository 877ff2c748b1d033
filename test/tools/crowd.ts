// The members of one topic in a process of their own; some of them never read. Prints how much the others have heard.
import { KIND } from '../../packages/core/src/protocol.ts'
import { RawClient } from './raw.ts'
import { Wire } from './wire.ts'

const [url = '', topic = '', count = '0', deaf = '0'] = process.argv.slice(2)
const heard = Array.from({ length: Number(count) }, () => 0)
const closed: number[] = []
for (let at = 0; at < heard.length; at++) {
  const wire = await Wire.dial(url)
  const raw = new RawClient(wire, undefined, new URL(url).origin)
  await raw.hello()
  const where = Buffer.from(topic, 'hex')
  await raw.join(where)
  wire.onclose = ({ code }) => closed.push(code)
  wire.onmessage = ([kind]) => {
    if (kind === KIND.message) heard[at] = (heard[at] ?? 0) + 1
  }
  if (at < Number(deaf)) wire.pause()
}
setInterval(() => {
  const healthy = heard.slice(Number(deaf))
  console.log(`heard ${Math.min(...healthy)} ${Math.max(...healthy)} closed ${closed.length}`)
}, 200)
console.log('joined')
