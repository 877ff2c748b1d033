// node serve.mjs NAME OPTIONS: one server in a process of its own, that answers what the measures ask it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { heapByKind } from './tools/heap.mjs'

const [name, options] = process.argv.slice(2)
const { start } = await import(`./servers/${name}.mjs`)
const { url, ...more } = await start(JSON.parse(options))
const delay = monitorEventLoopDelay({ resolution: 1 })

const answers = {
  /** CPU time of all threads until now. Unit: µs. */
  cpu() {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  /** What is held after two forced collections. Unit: bytes. */
  async memory() {
    for (let times = 0; times < 2; times++) {
      globalThis.gc()
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    const { heapUsed, external, rss } = process.memoryUsage()
    return { held: heapUsed + external, rss }
  },
  /** The same in detail. Takes a second. */
  kinds: heapByKind,
  watchDelay() {
    delay.reset()
    delay.enable()
  },
  /** How late the event loop was since `watchDelay`. Unit: ms. */
  delay() {
    delay.disable()
    return { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
  },
  // Not by a signal, so that a profile is written.
  stop: () => process.exit(),
  ...more
}

process.on('message', async ({ id, ask }) => process.send({ id, value: await answers[ask]() }))
// Whoever measures has gone, by whatever end.
process.on('disconnect', () => process.exit())
process.send({ url })
