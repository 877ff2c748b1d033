import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket as NetSocket } from 'node:net'
import { Duplex } from 'node:stream'
import { socketSuite } from 'socket-signal-testing'
import { type DuplexLike, toSocket } from '../../packages/core/src/stream-socket.ts'
import { test } from '../tools/test.ts'

const MAX_PAYLOAD = 64 * 1024

socketSuite({
  test,
  name: 'tcp stream',
  pair: async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const dialed = connect(port, '127.0.0.1')
    const [accepted] = (await once(server, 'connection')) as [NetSocket]
    if (dialed.connecting) await once(dialed, 'connect')
    return {
      left: socketOf(dialed),
      right: socketOf(accepted),
      break: () => void dialed.resetAndDestroy(),
      close: async () => {
        dialed.destroy()
        accepted.destroy()
        server.close()
        await once(server, 'close')
      }
    }
  }
})

socketSuite({
  test,
  name: 'duplex stream that cuts everywhere',
  pair: async () => {
    const [left, right] = [new Half(), new Half()]
    left.other = right
    right.other = left
    return {
      left: socketOf(left),
      right: socketOf(right),
      break: () => {
        left.destroy()
        right.destroy()
      },
      close: async () => {
        left.destroy()
        right.destroy()
      }
    }
  }
})

function socketOf(stream: Duplex) {
  return toSocket(stream as DuplexLike, MAX_PAYLOAD)
}

/** One end of a pipe in this process. Its chunks have nothing to do with messages, and it takes one at a time. */
class Half extends Duplex {
  other!: Half
  #wanted: (() => void) | undefined

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const at = Math.min(chunk.length, 1 + (chunk.length % 5))
    const parts = [chunk.subarray(0, at), chunk.subarray(at)].filter(({ length }) => length > 0)
    let open = true
    for (const part of parts) open = this.other.push(Buffer.from(part))
    if (open) setImmediate(done)
    else this.other.#wanted = done
  }

  override _final(done: () => void): void {
    this.other.push(null)
    done()
  }

  override _read(): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    wanted?.()
  }
}
