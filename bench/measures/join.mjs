import { connect } from '../clients/socket-signal.mjs'
import { join as joinFrame, topicOf } from '../clients/wire.mjs'
import { OURS } from '../systems.mjs'
import { median } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { drop, leave, many } from '../tools/socket.mjs'
import { rounds } from '../tools/turns.mjs'

const PART = 1000
const WARM = 3

/**
 * What a join costs the first and the last thousand of many that join one topic, with no other topic and with very many
 * held; and what it costs when somebody disconnects who has joined one: with a goodbye, since who breaks off is still there.
 */
export async function run({ quick }) {
  const [peers, held] = quick ? [4000, 20_000] : [10_000, 100_000]
  const [rises, departs] = quick ? [3, 1] : [7, 3]
  const server = await startServer(OURS)
  const ends = await many(peers, () => connect(server.url))
  let topic = 0
  const joinAll = () => rise(server, ends, topic++)
  const leaveAll = () => depart(server, topic++)
  // The first peers compile the code for the others: what is compared with must not be dearer for that.
  await rounds(WARM, joinAll)
  await rounds(WARM, leaveAll)
  const alone = { joins: await rounds(rises, joinAll), leaves: await rounds(departs, leaveAll) }
  await many(held, at => ends[at % peers].request(joinFrame, topicOf(topic + at)), 512)
  topic += held
  const crowded = { joins: await rounds(rises, joinAll), leaves: await rounds(departs, leaveAll) }
  await drop(ends)
  await server.stop()
  const joins = { alone: row(alone.joins), held: row(crowded.joins) }
  return {
    join: { ...joins, against: { ratio: joins.held.lastUs / joins.alone.lastUs } },
    disconnect: {
      topicsHeld: held,
      cpuUs: median(alone.leaves),
      cpuUsHeld: median(crowded.leaves),
      ratio: median(crowded.leaves) / median(alone.leaves)
    }
  }
}

/** All join a topic, one after the other. Gives the cost for one of the first and for one of the last thousand. */
async function rise(server, ends, number) {
  const topic = topicOf(number)
  const costs = []
  for (let from = 0; from < ends.length; from += PART) {
    const before = await server.cpu()
    await many(PART, at => ends[from + at].request(joinFrame, topic))
    costs.push(((await server.cpu()) - before) / PART)
  }
  return { first: costs[0], last: costs.at(-1) }
}

/** A thousand come, join one topic, and go. Gives what it costs the server that one of them goes. */
async function depart(server, number) {
  const topic = topicOf(number)
  const ends = await many(PART, () => connect(server.url))
  await many(PART, at => ends[at].request(joinFrame, topic))
  const { mailboxes } = await server.ask('stats')
  const before = await server.cpu()
  await leave(ends)
  while ((await server.ask('stats')).mailboxes > mailboxes - PART) await pause(20)
  return ((await server.cpu()) - before) / PART
}

function row(joins) {
  const first = median(joins.map(({ first }) => first))
  const last = median(joins.map(({ last }) => last))
  const ratio = median(joins.map(({ first, last }) => last / first))
  return { firstUs: first, lastUs: last, ratio }
}

function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}
