import { fork } from 'node:child_process'
import { OURS } from '../systems.mjs'
import { median } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'

const FULL = 20
const SPARSE = { peers: 50, k: 5 }
/** Each with its share of the peers: libwebrtc opens sockets anew in all connections of a process whenever another one begins. */
const PROCESSES = 10
const CLIENT = new URL('../clients/mesh.mjs', import.meta.url)

/** From the first join to the last connection, over loopback. */
export async function run({ quick }) {
  const server = await startServer(OURS, { raised: false })
  const took = { full: [], hand: [], sparse: [] }
  const measure = async (way, form) => took[way].push(await withProcesses(form))
  const { peers, k } = SPARSE
  await measure('sparse', all => form(all, { url: server.url, name: 'sparse', peers, k }))
  for (let number = 0; number < (quick ? 1 : 3); number++) {
    await measure('full', all => form(all, { url: server.url, name: `full ${number}`, peers: FULL }))
    await measure('hand', byHand)
  }
  await server.stop()
  const [fullMs, byHandMs, degree5Ms] = Object.values(took).map(median)
  return { mesh: { fullMs, byHandMs, ratio: fullMs / byHandMs, degree5Ms } }
}

async function form(processes, { url, name, peers, k }) {
  const count = peers / processes.length
  await Promise.all(processes.map(each => ask(each, { act: 'open', url, name, count, k })))
  const started = performance.now()
  await Promise.all(processes.map(each => ask(each, { act: 'form', least: k ?? peers - 1 })))
  return performance.now() - started
}

/** As an app would do it, at its best: everybody is known beforehand, and signals take no server. */
async function byHand(processes) {
  const owner = peer => processes[peer % processes.length]
  for (const each of processes) {
    each.on(
      'message',
      ({ from, to, signal }) => signal && owner(to).send({ act: 'signal', from, to, signal })
    )
  }
  const peers = Array.from({ length: FULL }, (_, peer) => peer)
  const started = performance.now()
  await Promise.all(
    processes.map(each => {
      const own = peers.filter(peer => owner(peer) === each)
      const pairs = own.flatMap(peer =>
        peers.filter(other => other !== peer).map(other => [peer, other, peer < other])
      )
      return ask(each, { act: 'wire', pairs })
    })
  )
  return performance.now() - started
}

async function withProcesses(work) {
  const processes = Array.from({ length: PROCESSES }, () => fork(CLIENT, { stdio: 'ignore' }))
  try {
    // Loading is no part of it.
    await Promise.all(processes.map(each => ask(each, { act: 'wire', pairs: [] })))
    return await work(processes)
  } finally {
    for (const each of processes) each.kill()
  }
}

function ask(child, message) {
  return new Promise((resolve, reject) => {
    const answer = ({ done }) => {
      if (done !== message.act) return
      child.off('message', answer)
      resolve()
    }
    child.on('message', answer)
    child.once('exit', code => reject(new Error(`a process ended with ${code}`)))
    child.send(message)
  })
}
