import { toKey } from 'socket-signal'
import { seededRandom } from 'socket-signal-testing'
import { Child } from '../tools/child.ts'
import { type Life, startRedis } from '../tools/redis.ts'
import { until } from '../tools/wait.ts'
import { realClient } from '../tools/wrtc.ts'
import { Balancer } from './balancer.ts'
import { Member, topicsOf } from './member.ts'

export interface NodesOptions {
  nodes: number
  clients: number
  seconds: number
  seed: number
  life: Life
  print(line: string): void
}

export interface NodesOutcome {
  /** Pairs that tried to connect, before and after, and what those failed with that did not. */
  pairs: number
  failures: string[]
  faults: { [what: string]: number }
  /** Who sees somebody too much or too little in the end, on its own view or in a look-up. */
  wrong: string[]
}

const BIN = 'packages/server/src/bin.ts'
/** So many at least. */
const FAULTS = 4
/** Members of one topic at the start. */
const CROWD = 10
/** Pairs that connect at once. */
const AT_ONCE = 10

/** A server in a process of its own, started again as often as it ends. */
class Node {
  readonly #args: string[]
  readonly #life: Life
  readonly #balancer: Balancer
  #child: Child | undefined
  #port = 0
  isUp = false

  constructor(life: Life, balancer: Balancer, redis: string) {
    this.#life = life
    this.#balancer = balancer
    this.#args = ['--port', '0', '--redis', redis, '--log', 'json']
  }

  async start(): Promise<void> {
    const child = (this.#child = new Child(this.#life, BIN, this.#args))
    const [line] = await child.says(/^\{.*"msg":"running"\}$/m)
    this.#port = Number(new URL(JSON.parse(line).page).port)
    this.#balancer.ports.add(this.#port)
    this.isUp = true
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Gives its exit code, or the name of the signal. */
  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    this.isUp = false
    this.#balancer.ports.delete(this.#port)
    this.signal(signal)
    return (await this.#child?.ended) ?? null
  }
}

/**
 * Several servers behind a balancer, on one Redis, each a process of its own. Clients are in one topic each and go from one
 * to another, while servers are killed, stopped and restarted. Then all of them must see exactly who is there.
 */
export async function chaosOfNodes(options: NodesOptions): Promise<NodesOutcome> {
  const { life, seconds, print } = options
  const random = seededRandom(options.seed)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const topics = topicsOf(Math.ceil(options.clients / CROWD))
  const outcome: NodesOutcome = { pairs: 0, failures: [], faults: {}, wrong: [] }
  const redis = await startRedis(life)
  const balancer = new Balancer()
  life.teardown(() => balancer.close())
  const url = await balancer.listen()
  const nodes = Array.from({ length: options.nodes }, () => new Node(life, balancer, redis.url))
  for (const node of nodes) await node.start()
  print(`${nodes.length} servers run`)

  const members = Array.from({ length: options.clients }, () => {
    const options = { reconnect: { base: 100, max: 2000 }, requestTimeout: 15_000 }
    return new Member(realClient(life, url, options), topics)
  })
  await Promise.all(members.map((member, at) => member.toggle(topics[at % topics.length] as Uint8Array)))
  const see = () => exactly(members, 60)
  outcome.wrong.push(...(await see()))
  print(`${members.length} clients have joined`)
  await connectPairs(members, outcome)
  print(`${outcome.pairs - outcome.failures.length} of ${outcome.pairs} pairs have connected`)

  const calls: Promise<unknown>[] = []
  const call = (promise: Promise<unknown>) =>
    void calls.push(promise.catch(error => outcome.failures.push(String(error))))
  const end = performance.now() + seconds * 1000
  // On a machine that is busy it takes longer until much has happened.
  const goesOn = () =>
    performance.now() < end || Object.values(outcome.faults).reduce((all, count) => all + count, 0) < FAULTS
  const moving = (async () => {
    while (goesOn()) {
      const member = pick(members)
      for (const topic of [...member.wants]) call(member.toggle(topic))
      call(member.toggle(pick(topics)))
      await sleep(100 + random() * 200)
    }
  })()
  while (goesOn()) {
    const up = nodes.filter(({ isUp }) => isUp)
    const fault = pick(['kill', 'kill', 'restart', 'stall'])
    // Somebody must be there who takes them in.
    if (up.length > 1) {
      outcome.faults[fault] = (outcome.faults[fault] ?? 0) + 1
      call(hurt(pick(up), fault, random() * 4000, outcome))
    }
    await sleep(500 + random() * 2500)
  }
  await moving
  await Promise.all(calls)
  print(`${Object.entries(outcome.faults).map(([what, count]) => `${count} times ${what}`)}`)

  // A deploy: one after the other, with nobody told to wait.
  for (const node of nodes) {
    const code = await node.end('SIGTERM')
    if (code !== 0) outcome.failures.push(`a server ended with ${code}`)
    await node.start()
  }
  print('all were restarted, one after the other')
  outcome.wrong.push(...(await see()))
  const before = outcome.pairs
  await connectPairs(members, outcome)
  print(`${outcome.pairs - before} more pairs, ${outcome.failures.length} failures`)
  return outcome
}

async function hurt(node: Node, fault: string, ms: number, { failures }: NodesOutcome): Promise<void> {
  if (fault === 'stall') {
    node.signal('SIGSTOP')
    await sleep(ms)
    return node.signal('SIGCONT')
  }
  const code = await node.end(fault === 'kill' ? 'SIGKILL' : 'SIGTERM')
  if (code !== (fault === 'kill' ? 'SIGKILL' : 0)) failures.push(`after ${fault} a server ended with ${code}`)
  await sleep(ms)
  await node.start()
}

/** Who does not see, in the end, exactly its topic's members: as it was told, and as it looks them up. */
async function exactly(members: readonly Member[], seconds: number): Promise<string[]> {
  const wrong = () => members.filter(member => !member.client.connected || member.wrong(members))
  await until(() => wrong().length === 0, 'all see all', seconds).catch(() => {})
  const lines = wrong().map(member =>
    member.client.connected ? member.explain(members) : `a client is ${member.client.status}`
  )
  for (const member of members) {
    for (const topic of member.wants) {
      const should = members.filter(other => other !== member && other.wants.has(topic))
      const found = new Set((await member.client.lookup(topic)).map(toKey))
      if (found.size !== should.length || !should.every(({ client }) => found.has(toKey(client.id))))
        lines.push(`a look-up finds ${found.size} of ${should.length}`)
    }
  }
  return lines
}

/** Two and two of each topic, until an open channel; a few at a time. */
async function connectPairs(members: readonly Member[], outcome: NodesOutcome): Promise<void> {
  const byTopic = new Map<Uint8Array, Member[]>()
  for (const member of members)
    for (const topic of member.wants) byTopic.set(topic, [...(byTopic.get(topic) ?? []), member])
  const pairs = [...byTopic].flatMap(([topic, all]) =>
    all.flatMap((one, at) => (at % 2 === 1 ? [{ topic, one, two: all[at - 1] as Member }] : []))
  )
  outcome.pairs += pairs.length
  const left = pairs[Symbol.iterator]()
  const dial = async () => {
    for (const { topic, one, two } of left) {
      const peer = one.client.connect(topic, two.client.id)
      await peer.ready().catch(error => outcome.failures.push(`${error.code}: ${error.message}`))
      peer.close()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, dial))
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
