// A ready-made server in a process of its own, with its defaults, but that a place is not kept for half a minute. It tells what it holds to who asks by IPC, and prints
// all that an operator could print of what happens to it.
import { inspect } from 'node:util'
import { queryObjects } from 'node:v8'
import { createServer } from 'socket-signal-server'
import { Connection } from '../../packages/core/src/connection.ts'
import { heap } from './heap.ts'

const [token] = process.argv.slice(2)
const server = createServer({
  port: 0,
  page: false,
  resumeWindow: 3000,
  authorize: ({ action, token: own }) => (action !== 'hello' && action !== 'token') || own === token
})
const print = (event: string, ...what: unknown[]) => console.log(event, inspect(what, { depth: 8 }))
server.signal.on('connection', ({ id }) => print('connection', Buffer.from(id).toString('hex')))
server.signal.on('disconnection', (_rpc, event) => print('disconnection', event))
server.signal.on('connection-error', error => print('connection-error', error))
process.on('message', async () => {
  const [used, left] = [await heap(), queryObjects(Connection, { format: 'count' })]
  process.send?.({ heap: used, left, stats: server.signal.stats() })
})
process.on('disconnect', () => process.exit())
await server.open()
process.send?.({ url: server.signalUrl })

export interface Report {
  /** Unit: bytes, after a collection. */
  heap: number
  /** Connections that something still holds. */
  left: number
  stats: ReturnType<typeof server.signal.stats>
}
