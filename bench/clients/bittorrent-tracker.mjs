import { openSocket } from '../tools/socket.mjs'
import { filled } from '../tools/text.mjs'

let count = 0

export async function join(url, topic) {
  const end = await openSocket(url)
  const names = { info_hash: padded('topic', topic), peer_id: padded('peer', count++) }
  const announced = end.next()
  end.websocket.send(
    JSON.stringify({ action: 'announce', ...names, event: 'started', left: 1, uploaded: 0, downloaded: 0 })
  )
  await announced
  return { ...end, names }
}

/** Answers: the tracker passes them on and says nothing back, so they are its cheapest message. */
export function sender({ websocket, names }, to) {
  const message = filled(sdp =>
    JSON.stringify({
      action: 'announce',
      ...names,
      to_peer_id: to.names.peer_id,
      offer_id: padded('offer', 1),
      answer: { type: 'answer', sdp }
    })
  )
  return () => websocket.send(message)
}

function padded(word, number) {
  return word + String(number).padStart(20 - word.length, '0')
}
