import type { ForeignSocket } from './door.ts'

/** Asks a socket for a sign of life again and again, until one was not given in time. Gives what ends it. `every`: ms. */
export function watch(socket: ForeignSocket, every: number, onsilent: () => void): () => void {
  let isAlive = true
  const timer = setInterval(() => {
    if (!isAlive) {
      clearInterval(timer)
      return onsilent()
    }
    isAlive = false
    socket.ping()
  }, every)
  socket.onpong = () => {
    isAlive = true
  }
  return () => clearInterval(timer)
}
