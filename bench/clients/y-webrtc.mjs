import { openSocket } from '../tools/socket.mjs'
import { filled } from '../tools/text.mjs'

/** As its own client: both ends in one room, where the server sends to all, the sender among them. */
export async function join(url, topic) {
  const end = await openSocket(url)
  const room = `room ${topic}`
  end.websocket.send(JSON.stringify({ type: 'subscribe', topics: [room] }))
  const answered = end.next()
  end.websocket.send(JSON.stringify({ type: 'ping' }))
  await answered
  return { ...end, room }
}

export function sender({ websocket, room }, _, side) {
  const message = filled(sdp => JSON.stringify({ type: 'publish', topic: room, data: { side, sdp } }))
  return () => websocket.send(message)
}

/** Each end has the other's messages only, in place of its echo. */
export function isRelayed(data, side) {
  return data.includes(`"side":${1 - side}`)
}
