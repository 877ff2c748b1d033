import { connect, createServer, type Socket } from 'node:net'

const HOST = '127.0.0.1'

/** Hands each connection to the next of several ports; who refuses is passed over. It knows nothing of what is said. */
export class Balancer {
  readonly ports: Set<number> = new Set()
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer({ allowHalfOpen: true }, near => this.#take(near))
  #turn = 0

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, HOST, resolve))
    return `ws://${HOST}:${(this.#server.address() as { port: number }).port}`
  }

  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #take(near: Socket): void {
    this.#hold(near)
    const ports = [...this.ports]
    const first = this.#turn++
    this.#dial(
      near,
      ports.map((_, at) => ports[(first + at) % ports.length] as number)
    )
  }

  #dial(near: Socket, [port, ...others]: number[]): void {
    if (port === undefined || near.destroyed) return void near.destroy()
    const far = connect({ port, host: HOST, allowHalfOpen: true })
    this.#hold(far)
    const next = () => this.#dial(near, others)
    far.once('error', next)
    far.once('connect', () => {
      far.off('error', next)
      near.pipe(far).pipe(near)
      near.once('close', () => far.destroy())
      far.once('close', () => near.destroy())
    })
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }
}
