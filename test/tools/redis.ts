import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { find } from './needs.ts'
import { freePort } from './port.ts'
import { until } from './wait.ts'

/** What ends with a test; tape's own, or `tape.onFinish`. */
export interface Life {
  teardown(end: () => void | Promise<void>): void
}

const HOST = '127.0.0.1'

/** A redis-server of its own, on loopback and in a temporary folder, keeping nothing on disk unless it is told to. */
export class Redis {
  readonly port: number
  readonly #folder: string
  readonly #args: string[]
  #process: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #log = ''

  constructor(life: Life, port: number, args: string[] = []) {
    this.port = port
    this.#args = args
    this.#folder = mkdtempSync(join(tmpdir(), 'redis-'))
    life.teardown(async () => {
      await this.kill()
      // Nodes that close behind it have heard of that, and wait for no answer to their farewell.
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  get url(): string {
    return `redis://${HOST}:${this.port}`
  }

  /** Starts it, again if need be: with nothing in it. */
  async start(): Promise<this> {
    const common = ['--port', String(this.port), '--bind', HOST, '--dir', this.#folder, '--save', '']
    const child = spawn(find('redis-server') as string, [...this.#config(), ...common, ...this.#args])
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (this.#log += chunk))
    // Also where the test ends by an error that nobody caught.
    const kill = () => child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.off('exit', kill))
    this.#process = child
    this.#ended = once(child, 'exit')
    await until(
      async () => (await this.ask('PING').catch(() => '')).includes('PONG'),
      'redis answers',
      15
    ).catch(error => {
      throw new Error(`${error.message}: ${this.#log}`)
    })
    return this
  }

  /** A sentinel writes its findings into its configuration, so it must have a file. */
  #config(): string[] {
    const at = this.#args.indexOf('--sentinel')
    if (at < 0) return []
    const file = join(this.#folder, 'sentinel.conf')
    writeFileSync(file, '')
    return [file]
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#ended
  }

  /** Sends one inline command; gives what has come when the line is quiet. */
  async ask(command: string): Promise<string> {
    const socket = connect(this.port, HOST)
    socket.setTimeout(3000, () => socket.destroy(new Error('redis does not answer')))
    try {
      await once(socket, 'connect')
      let answer = ''
      socket.on('data', chunk => (answer += chunk))
      socket.write(`${command}\r\n`)
      await once(socket, 'data')
      await new Promise(resolve => setTimeout(resolve, 20))
      return answer
    } finally {
      socket.destroy()
    }
  }
}

export async function startRedis(life: Life, args: string[] = []): Promise<Redis> {
  return new Redis(life, await freePort(), args).start()
}

export interface Sentinel {
  master: Redis
  replica: Redis
  sentinels: { host: string; port: number }[]
  name: string
}

/** A master with a replica, and three sentinels that watch them. `down`: when a master that is silent is given up (ms). */
export async function startSentinel(life: Life, down = 1000): Promise<Sentinel> {
  const master = await startRedis(life)
  const replica = await startRedis(life, ['--replicaof', HOST, String(master.port)])
  const name = 'main'
  const sentinels = await Promise.all(
    [1, 2, 3].map(async () => {
      const sentinel = await new Redis(life, await freePort(), ['--sentinel']).start()
      await sentinel.ask(`SENTINEL MONITOR ${name} ${HOST} ${master.port} 2`)
      await sentinel.ask(`SENTINEL SET ${name} down-after-milliseconds ${down}`)
      await sentinel.ask(`SENTINEL SET ${name} failover-timeout 3000`)
      return sentinel
    })
  )
  for (const sentinel of sentinels) {
    const ready = async () => {
      const said = await sentinel.ask(`SENTINEL MASTER ${name}`)
      return /num-slaves\r\n\$1\r\n1\r\n/.test(said) && /num-other-sentinels\r\n\$1\r\n2\r\n/.test(said)
    }
    await until(ready, 'the sentinels know each other and the replica', 30)
  }
  return { master, replica, name, sentinels: sentinels.map(({ port }) => ({ host: HOST, port })) }
}

/** Three masters that share the slots; with `replicas`, one for each. */
export async function startCluster(life: Life, replicas = false): Promise<Redis[]> {
  const args = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    '2000',
    '--cluster-require-full-coverage',
    'no'
  ]
  const nodes: Redis[] = []
  for (let at = 0; at < (replicas ? 6 : 3); at++) {
    const port = await freePort(true)
    nodes.push(await new Redis(life, port, [...args, '--cluster-port', String(port + 10_000)]).start())
  }
  const [first, ...others] = nodes as [Redis, ...Redis[]]
  const masters = nodes.slice(0, 3)
  const bounds = [0, 5461, 10_923, 16_384]
  for (const [at, master] of masters.entries())
    await master.ask(`CLUSTER ADDSLOTSRANGE ${bounds[at]} ${(bounds[at + 1] as number) - 1}`)
  for (const [at, node] of nodes.entries()) await node.ask(`CLUSTER SET-CONFIG-EPOCH ${at + 1}`)
  for (const { port } of others) await first.ask(`CLUSTER MEET ${HOST} ${port} ${port + 10_000}`)
  for (const node of nodes) {
    const ready = async () => {
      const info = await node.ask('CLUSTER INFO')
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`)
    }
    await until(ready, 'the cluster is whole', 30)
  }
  for (const [at, node] of nodes.slice(3).entries()) {
    const id = (await (masters[at] as Redis).ask('CLUSTER MYID')).split('\r\n')[1]
    await node.ask(`CLUSTER REPLICATE ${id}`)
  }
  return nodes
}
