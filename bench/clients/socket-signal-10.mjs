import { randomBytes } from 'node:crypto'
import { openSocket } from '../tools/socket.mjs'
import { filled } from '../tools/text.mjs'

// nanomessage: header (id, bit 0: an answer), length, then nanomessage-rpc: header (1 answer, 2 event), fields by length.
const EVENT = 2
const NOTHING = frame(1, rpc(1, undefined, null))

export async function join(url, topic) {
  const end = await openSocket(url)
  const id = randomBytes(32)
  end.websocket.on('message', data => {
    // Each event that the server passes on is a request, and is counted against its limit until it is answered.
    if (isRelayed(data)) end.websocket.send(answer(data))
  })
  const joined = end.next(data => !isRelayed(data))
  const name = Buffer.alloc(32, 1)
  name.writeUInt32BE(topic, 0)
  end.websocket.send(
    frame(2, rpc(0, 'socket-signal-join', { id: text(id), topic: text(name), metadata: {} }))
  )
  await joined
  return { ...end, id, topic: name }
}

export function sender({ websocket, id, topic }, to) {
  const base = {
    id: text(id),
    topic: text(topic),
    remoteId: text(to.id),
    sessionId: text(Buffer.alloc(32, 7))
  }
  const message = filled(sdp =>
    frame(4, rpc(EVENT, 'socket-signal-onsignal', { ...base, metadata: {}, data: [{ sdp }] }))
  )
  let count = 0
  return () => {
    message[0] = (1 + (count++ % 60)) << 1
    websocket.send(message)
  }
}

export function isRelayed([header]) {
  return (header & 1) === 0
}

/** The id is a number of one to five bytes, seven bits each. */
function answer(data) {
  const size = data.findIndex(byte => byte < 128) + 1
  const message = Buffer.concat([data.subarray(0, size), NOTHING.subarray(1)])
  message[0] |= 1
  return message
}

function frame(header, payload) {
  return Buffer.concat([Buffer.of(header), varint(payload.length), payload])
}

function rpc(header, name, data) {
  const value = Buffer.from(JSON.stringify({ data }))
  const named = name ? [varint(name.length), Buffer.from(name)] : []
  return Buffer.concat([Buffer.of(header), ...named, varint(value.length), value])
}

function varint(value) {
  const bytes = []
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128)
  return Buffer.from([...bytes, value])
}

function text(bytes) {
  return `base64:${bytes.toString('base64')}`
}
