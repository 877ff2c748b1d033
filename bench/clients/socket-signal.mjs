import { openSocket } from '../tools/socket.mjs'
import { filled } from '../tools/text.mjs'
import { addressed, createKeys, hello, join as joinFrame, KIND, pong, setSeq, topicOf } from './wire.mjs'

/** Says hello with a key of its own and has its welcome; answers pings from then on. */
export async function connect(url) {
  const { websocket, next } = await openSocket(url, 'socket-signal')
  const keys = createKeys()
  websocket.send(hello(keys, await next(), url))
  await next(([kind]) => kind === KIND.welcome)
  websocket.on('message', data => {
    if (data[0] === KIND.ping) websocket.send(pong(data))
  })
  let requestId = 1
  const request = async (frame, ...fields) => {
    const answer = next(([kind]) => kind === KIND.result || kind === KIND.error)
    websocket.send(frame(++requestId, ...fields))
    const data = await answer
    if (data[0] === KIND.error) throw new Error(`refused: ${data.subarray(10)}`)
  }
  return { websocket, next, request, id: keys.id }
}

export async function join(url, topic) {
  const end = { ...(await connect(url)), topic: topicOf(topic) }
  await end.request(joinFrame, end.topic)
  return end
}

/** A candidate: the one frame that is routed and not answered. */
export function sender({ websocket, topic }, { id }) {
  const frame = filled(text => addressed(KIND.signal, id, topic, Buffer.from(JSON.stringify({ sdp: text }))))
  let seq = 0
  return () => {
    setSeq(frame, ++seq)
    websocket.send(frame)
  }
}

export function isRelayed([kind]) {
  return kind === KIND.signal
}
