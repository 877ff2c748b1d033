import { once } from 'node:events'
import { WebSocket } from 'ws'

/** An open WebSocket without any library on top. What comes before the first listener is kept by `next`. */
export async function openSocket(url, subprotocols = []) {
  const websocket = new WebSocket(url, subprotocols, { perMessageDeflate: false })
  const early = []
  const keep = data => early.push(data)
  websocket.on('message', keep)
  await once(websocket, 'open')
  // A server that goes first is not what is measured here.
  websocket.on('error', () => {})
  /** The next message for which something holds. */
  const next = (accept = () => true) =>
    new Promise((resolve, reject) => {
      const closed = code => reject(new Error(`closed with ${code} before the answer came`))
      const take = data => {
        if (!accept(data)) return
        websocket.off('message', take)
        websocket.off('close', closed)
        resolve(data)
      }
      websocket.off('message', keep)
      websocket.on('message', take)
      websocket.on('close', closed)
      for (const data of early.splice(0)) take(data)
    })
  return { websocket, next }
}

/** Does that for each number below `count`, some at once, and gives all results in order. */
export async function many(count, start, atOnce = 64) {
  const results = new Array(count)
  let at = 0
  const work = async () => {
    while (at < count) {
      const mine = at++
      results[mine] = await start(mine)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work))
  return results
}

/** Ends all sockets at once, and waits until they have ended. */
export function drop(ends) {
  return endAll(ends, websocket => websocket.terminate())
}

/** The same with a goodbye, after which nobody waits for them. */
export function leave(ends) {
  return endAll(ends, websocket => websocket.close(1000))
}

async function endAll(ends, end) {
  const open = ends.map(({ websocket }) => websocket).filter(({ readyState }) => readyState < 3)
  const closed = open.map(websocket => new Promise(resolve => websocket.once('close', resolve)))
  for (const websocket of open) end(websocket)
  await Promise.all(closed)
}
