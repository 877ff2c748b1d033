import { openSocket } from '../tools/socket.mjs'
import { SIZE, sdp } from '../tools/text.mjs'

const MESSAGE = Buffer.from(sdp(SIZE + 100)).subarray(0, SIZE)

/** Joins by the path. */
export function join(url, topic) {
  return openSocket(`${url}/${topic}`)
}

export function sender({ websocket }) {
  return () => websocket.send(MESSAGE)
}
