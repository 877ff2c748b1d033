import { filled } from '../tools/text.mjs'
import { addressed, KIND, requestIdOf, setRequestId, setSeq } from './wire.mjs'

export { join } from './socket-signal.mjs'

/** One end of a pair asks by an offer, the other one answers it: two messages, routed as a request and its answer. */
export function sender(from, to) {
  const asks = Buffer.compare(from.id, to.id) < 0
  const kind = asks ? KIND.offer : KIND.answer
  const frame = filled(text => addressed(kind, to.id, from.topic, Buffer.from(JSON.stringify({ sdp: text }))))
  let count = 0
  return received => {
    setSeq(frame, ++count)
    setRequestId(frame, asks ? 1000 + count : requestIdOf(received))
    from.websocket.send(frame)
  }
}

/** Only who asks can begin. */
export function begins(from, to) {
  return Buffer.compare(from.id, to.id) < 0
}

export function isRelayed([kind]) {
  return kind === KIND.offer || kind === KIND.answer
}
