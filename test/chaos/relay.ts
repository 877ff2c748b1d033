import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** One connection through the relay. */
export interface Line {
  client: Socket
  server: Socket
}

/** Stands before a server and does to its connections what networks do. */
export class Relay {
  readonly lines = new Set<Line>()
  /** While set, what comes new hangs. */
  partitioned = false
  readonly #port: number
  readonly #listener = createServer({ pauseOnConnect: true }, socket => this.#accept(socket))

  /** `port`: of the server, on loopback. */
  constructor(port: number) {
    this.#port = port
  }

  async listen(): Promise<string> {
    await once(this.#listener.listen(0, '127.0.0.1'), 'listening')
    return `ws://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`
  }

  /** Nothing comes through a line, nor through those that are not given, until `false`. */
  stall(on: boolean, lines: Iterable<Line> = this.lines): void {
    for (const socket of [...lines].flatMap(({ client, server }) => [client, server])) {
      if (on) socket.pause()
      else socket.resume()
    }
  }

  /** Resets a line: on both sides, or on one, so that the other is half-open until `mend`. */
  kill(line: Line, side?: 'client' | 'server'): void {
    if (side) this.stall(true, [line])
    if (side !== 'server') line.client.resetAndDestroy()
    if (side !== 'client') line.server.resetAndDestroy()
  }

  /** Ends what is half-open, and lets everything through. */
  mend(): void {
    this.partitioned = false
    for (const line of [...this.lines]) {
      if (line.client.destroyed || line.server.destroyed) this.kill(line)
      else this.stall(false, [line])
    }
  }

  close(): void {
    this.#listener.close()
    for (const line of [...this.lines]) this.kill(line)
  }

  #accept(client: Socket): void {
    const server = connect(this.#port, '127.0.0.1')
    const line = { client, server }
    this.lines.add(line)
    for (const [socket, other] of [
      [client, server],
      [server, client]
    ] as const) {
      socket.on('data', bytes => other.write(bytes)).pause()
      // An end that is told comes through; one that `kill` makes is told by nobody.
      socket.on('end', () => other.end())
      socket.on('error', () => {})
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) this.lines.delete(line)
      })
    }
    if (!this.partitioned) this.stall(false, [line])
  }
}
