import { createServer } from 'node:http'
import { Server } from 'socket.io'

/** A relay of five lines on socket.io, as its users write them for WebRTC. */
export async function start() {
  const http = createServer()
  const io = new Server(http, { transports: ['websocket'] })
  io.on('connection', socket => {
    socket.on('join', topic => socket.join(topic))
    socket.on('signal', (to, data) => io.to(to).emit('signal', socket.id, data))
  })
  await new Promise(resolve => http.listen(0, '127.0.0.1', resolve))
  return { url: `ws://127.0.0.1:${http.address().port}` }
}
