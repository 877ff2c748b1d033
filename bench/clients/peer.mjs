import { randomUUID } from 'node:crypto'
import { openSocket } from '../tools/socket.mjs'
import { filled } from '../tools/text.mjs'

/** PeerServer knows no topics: to be there is to have joined. */
export async function join(url) {
  const id = randomUUID()
  const end = await openSocket(`${url}/peerjs?key=peerjs&id=${id}&token=${id}&version=1.5.5`)
  await end.next()
  return { ...end, id }
}

export function sender({ websocket }, { id }) {
  const message = filled(sdp => JSON.stringify({ type: 'CANDIDATE', dst: id, payload: { sdp } }))
  return () => websocket.send(message)
}
