import type { SignalError } from 'socket-signal'
import { type Simulation, simulate, type World } from 'socket-signal-testing'
import { Resident } from './resident.ts'

export interface ChaosOptions {
  seed: number
  /** Default: 12. */
  peers?: number
  /** Unit: s of virtual time. Default: 20. */
  seconds?: number
  print?: (text: string) => void
}

const TOPICS = Array.from({ length: 10 }, (_, at) => `topic${at}`)
/** Two pairs that never reach each other. */
const APART = [
  [0, 1],
  [2, 5]
] as const

/** Everybody comes and goes, speaks and dials while all kinds of faults happen; then all must be as it should. */
export function chaos({ seed, peers = 12, seconds = 20, ...options }: ChaosOptions): Promise<Simulation> {
  const servers = 1 + (seed % 3)
  return simulate({ seed, peers, seconds, servers, apart: APART, ...options }, async world => {
    const residents = new Map<string, Resident>()
    const end = world.clock.now() + seconds * 1000
    world.start(async peer => {
      const resident = new Resident(world, peer, residents)
      residents.set(peer.name, resident)
      await resident.run(TOPICS, end)
    })
    await world.storm()
    const all = () => [...residents.values()]
    await world.until(() => quiet(all()), 'every call is answered')
    await world.until(() => views(all()), 'everybody sees exactly who is there')
    await world.until(() => heard(all()), 'everybody has heard what was said, or was told what is lost')
    await lookups(world, all())
    await talk(world, all())
    await world.until(() => pairs(all(), world), 'both ends of each connection know it')
    await meeting(world, all())
  })
}

/** Whether nothing waits: what does, else true. */
function quiet(residents: readonly Resident[]): true | string {
  const waiting = residents.flatMap(({ name, client, unsettled, dials }) => [
    ...(client.connected ? [] : [`${name} is not connected`]),
    ...[...unsettled.keys()].map(topic => `${name} waits for ${topic}`),
    ...dials.waiting.map(({ to }) => `${name} dials ${to}`),
    ...dials.late.map(to => `${name} waits for ${to} for too long`)
  ])
  return waiting.length === 0 || waiting.join(', ')
}

/** Whether each sees who is there, and nobody else, and nobody as away. */
function views(residents: readonly Resident[]): true | string {
  const wrong = residents.flatMap(resident => {
    const { name, view, wants } = resident
    const topics = [...wants].flatMap(topic => {
      const [sees, should] = [view.of(topic), members(residents, topic, resident)]
      return `${sees}` === `${should}` ? [] : `${name} sees [${sees}] in ${topic}, not [${should}]`
    })
    return [...topics, ...view.away.map(other => `${name} sees ${other} as away`)]
  })
  return wrong.length === 0 || wrong.join('; ')
}

/** Who is in a topic, in order of names. */
function members(residents: readonly Resident[], topic: string, but?: Resident): string[] {
  return residents.flatMap(each => (each !== but && each.wants.has(topic) ? each.name : [])).sort()
}

function heard(residents: readonly Resident[]): true | string {
  const missing = residents.flatMap(({ name, ears }) =>
    ears.missing.map(said => `${name} has not heard ${said}`)
  )
  return missing.length === 0 || missing.join(', ')
}

/** Who asks is told the same as who watches. */
async function lookups(world: World, residents: readonly Resident[]): Promise<void> {
  await Promise.all(
    residents.map(async resident => {
      for (const topic of TOPICS) {
        const found = await resident.client.lookup(world.topic(topic), { limit: 1000 })
        const names = found.map(id => world.nameOf(id)).sort()
        const should = members(residents, topic, resident)
        if (`${names}` !== `${should}`)
          throw new Error(`${resident.name} finds [${names}] in ${topic}, not [${should}]`)
      }
    })
  )
}

/** All speak in all their topics, to everybody and to each: all of it is heard. */
async function talk(world: World, residents: readonly Resident[]): Promise<void> {
  await Promise.all(
    residents.map(async resident => {
      for (const topic of resident.wants) {
        const to = residents.find(({ name }) => name === resident.view.of(topic)[0])
        const failed = (await resident.say(topic)) ?? (to && (await resident.say(topic, to)))
        if (failed) throw new Error(`${resident.name} speaks in ${topic}: ${failed}`)
      }
    })
  )
  await world.until(() => heard(residents), 'everybody has heard everybody', 5)
}

/** Whether each connection is open at both ends, or at none. */
function pairs(residents: readonly Resident[], world: World): true | string {
  const ends = residents.flatMap(({ name, client }) =>
    client.peersConnected.map(({ id, sessionId }) => {
      const both = [name, world.nameOf(id)].sort()
      return `${both.join(' and ')} ${world.nameOf(sessionId)}`
    })
  )
  const alone = ends.filter(end => ends.filter(other => other === end).length !== 2)
  return alone.length === 0 || `open at one end: ${alone.join(', ')}`
}

/** All dial all at the same time: one connection for each pair, but for those that can't reach each other. */
async function meeting(world: World, residents: readonly Resident[]): Promise<void> {
  const topic = 'meeting'
  await Promise.all(residents.map(resident => resident.enter(topic)))
  await world.until(() => views(residents), 'all are in the meeting')
  const dials = residents.flatMap(resident =>
    world.peers
      .filter(peer => peer.name !== resident.name)
      .map(peer => ({ from: resident.name, ...{ dial: resident.dials.dial(topic, peer, true) } }))
  )
  await world.until(() => quiet(residents), 'all have met')
  for (const { from, dial } of dials) {
    const at = [from, dial.to].map(name => world.peers.findIndex(peer => peer.name === name))
    const apart = APART.some(pair => pair.every(one => at.includes(one)))
    const outcome = dial.outcome === 'open' ? 'open' : (dial.outcome as SignalError).code
    if (outcome !== (apart ? 'ICE_FAILED' : 'open')) throw new Error(`${from} dials ${dial.to}: ${outcome}`)
  }
  await world.until(() => pairs(residents, world), 'both ends of each connection of the meeting know it')
  for (const { client, name } of residents) {
    const met = client.getPeersByTopic(world.topic(topic)).map(({ id }) => world.nameOf(id))
    if (new Set(met).size !== met.length) throw new Error(`${name} met somebody twice: ${met.sort()}`)
  }
}
