import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryServer, type SocketSignalMemoryServerOptions } from 'socket-signal-memory'
import { ManualClock } from 'socket-signal-testing'
import type { Test } from 'tape'
import { RawClient } from './raw.ts'

/** A server in memory, and clients of it that send what they like; all end with the test. */
export function serve(t: Test, options: SocketSignalMemoryServerOptions = {}) {
  const server = new SocketSignalMemoryServer(options)
  const raws: RawClient[] = []
  t.teardown(async () => {
    for (const raw of raws) raw.close()
    await server.close()
  })
  const raw = (id?: Uint8Array) => {
    const client = new RawClient(server.dial(), id)
    raws.push(client)
    return client
  }
  return { server, raw, topic: randomBytes(32) }
}

/** The same, on a clock that the test moves. */
export function serveByHand(t: Test, options: SocketSignalMemoryServerOptions = {}) {
  const clock = new ManualClock()
  return { clock, ...serve(t, { clock, ...options }) }
}
