import uws from '@trufflesuite/uws-js-unofficial'

/** The bare relay once more, on uWebSockets: native code. */
export async function start() {
  const alone = new Map()
  const port = await new Promise((resolve, reject) => {
    uws
      .App()
      .ws('/*', {
        upgrade(response, request, context) {
          const header = name => request.getHeader(`sec-websocket-${name}`)
          const data = { url: request.getUrl(), other: undefined }
          response.upgrade(data, header('key'), header('protocol'), header('extensions'), context)
        },
        open(websocket) {
          const { url } = websocket
          const other = alone.get(url)
          if (!other) return alone.set(url, websocket)
          alone.delete(url)
          websocket.other = other
          other.other = websocket
        },
        message: (websocket, data, isBinary) => websocket.other?.send(data, isBinary),
        close(websocket) {
          if (websocket.other) websocket.other.other = undefined
          if (alone.get(websocket.url) === websocket) alone.delete(websocket.url)
        }
      })
      .listen('127.0.0.1', 0, socket =>
        socket ? resolve(uws.us_socket_local_port(socket)) : reject(new Error('uWebSockets can not listen'))
      )
  })
  return { url: `ws://127.0.0.1:${port}` }
}
