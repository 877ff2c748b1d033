import { monitorEventLoopDelay } from 'node:perf_hooks'
import { SocketSignalWebsocketServer } from 'socket-signal-websocket'

// A server in a process of its own. `cut` ends all of its sockets at once, `tell` says how it took what came.
const [port] = process.argv.slice(2)
const server = new SocketSignalWebsocketServer({ port: Number(port) })
await server.open()
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
const ms = (nanoseconds: number) => Math.round(nanoseconds / 1e6)
const commands: { [word: string]: () => void } = {
  cut() {
    delay.reset()
    for (const connection of [...server.connections]) connection.close('INTERNAL', 'all at once')
  },
  tell() {
    delay.disable()
    const { connections, mailboxes, away, topics } = server.stats()
    const loop = { p99: ms(delay.percentile(99)), max: ms(delay.max) }
    console.log(`stormed ${JSON.stringify({ ...loop, connections, mailboxes, away, topics })}`)
  }
}
process.stdin.on('data', words => commands[String(words).trim()]?.())
console.log(`listening ${server.url}`)
