import { Redis } from 'ioredis'
import { RedisBackplane } from 'socket-signal-redis'
import { idOf, TOPIC } from './redis-nodes.ts'

// A node in a process of its own: holds members of these numbers, until it is killed.
const [port = '', prefix = '', heartbeat = '', ...numbers] = process.argv.slice(2)
const client = new Redis(Number(port), '127.0.0.1')
const backplane = new RedisBackplane({ client, prefix, heartbeat: Number(heartbeat) })
for (const number of numbers) {
  const mailbox = { deliver: () => true, lost: () => {} }
  const attachment = await backplane.attach(
    idOf(Number(number)),
    { proven: true, conflict: 'replace' },
    mailbox
  )
  await attachment.join(TOPIC, new Uint8Array(0))
}
console.log('ready')
