import { once } from 'node:events'
import { SERVER_CORE, spawnPinned } from './pinned.mjs'

const SERVE = new URL('../serve.mjs', import.meta.url).pathname
const PROFILES = new URL('../results/profiles', import.meta.url).pathname

/** A server in a process of its own, on a core of its own. Rejects with its last words when it can't start. */
export async function startServer(name, options = {}) {
  const flags = ['--expose-gc', ...(process.env.BENCH_PROFILE ? profiled(name) : [])]
  const child = spawnPinned(SERVER_CORE, [...flags, SERVE, name, JSON.stringify(options)])
  const words = []
  child.stderr.on('data', data => words.push(data))
  const waiting = new Map()
  let asked = 0
  const ended = once(child, 'exit').then(([code, signal]) => {
    const error = new Error(`${name} ended with ${signal ?? code}: ${lastWords(words)}`)
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
    return error
  })
  const [first] = await Promise.race([
    once(child, 'message'),
    ended.then(error => {
      throw error
    })
  ])
  child.on('message', ({ id, value }) => {
    waiting.get(id)?.resolve(value)
    waiting.delete(id)
  })
  const ask = what =>
    new Promise((resolve, reject) => {
      const id = asked++
      waiting.set(id, { resolve, reject })
      child.send({ id, ask: what })
    })
  return {
    name,
    url: first.url,
    ask,
    cpu: () => ask('cpu'),
    async stop() {
      ask('stop').catch(() => {})
      await ended
    }
  }
}

function profiled(name) {
  return ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`, `--cpu-prof-name=${name}.cpuprofile`]
}

function lastWords(words) {
  const text = Buffer.concat(words).toString().trim()
  return text.split('\n').find(line => /^\w*Error\b.*:/.test(line)) ?? text.slice(-200)
}
