import { openSocket } from '../tools/socket.mjs'
import { filled } from '../tools/text.mjs'

/** The wire of engine.io 4 and socket.io 5: a digit each, then JSON. */
export async function join(url, topic) {
  const end = await openSocket(`${url}/socket.io/?EIO=4&transport=websocket`)
  await end.next()
  end.websocket.on('message', data => {
    if (String(data) === '2') end.websocket.send('3')
  })
  const connected = end.next(data => String(data).startsWith('40'))
  end.websocket.send('40')
  const { sid } = JSON.parse(String(await connected).slice(2))
  end.websocket.send(`42${JSON.stringify(['join', String(topic)])}`)
  return { ...end, id: sid }
}

export function sender({ websocket }, { id }) {
  const message = filled(sdp => `42${JSON.stringify(['signal', id, { sdp }])}`)
  return () => websocket.send(message)
}

export function isRelayed(data) {
  return data.length > 100
}
