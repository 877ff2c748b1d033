import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tape'
import { run } from './command.ts'

/** Whose pid is in them. */
const OURS = /^(?:ss|far)(\d+)[nab]/

let made = 0
let swept: Promise<void> | undefined

/** A new namespace with loopback alone, gone when the test ends. The name has to begin as `OURS` says. */
export async function addNamespace(t: Test, name: string): Promise<void> {
  swept ??= sweep(t)
  await swept
  await sh(t, `ip netns add ${name}`)
  t.teardown(() => run(t, ['ip', 'netns', 'del', name]).then(() => {}))
  await sh(t, `ip -n ${name} link set lo up`)
}

/** A test that was killed left its namespaces, and what ran in them. */
async function sweep(t: Test): Promise<void> {
  const { stdout } = await run(t, ['ip', 'netns', 'list'])
  for (const line of stdout.split('\n')) {
    const [name = ''] = line.split(' ')
    const pid = Number(OURS.exec(name)?.[1])
    if (!pid || isAlive(pid)) continue
    const inside = await run(t, ['ip', 'netns', 'pids', name])
    for (const each of inside.stdout.split('\n')) if (Number(each) > 1) end(Number(each))
    await run(t, ['ip', 'netns', 'del', name])
  }
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {} // Gone already.
}

/** Runs a command; fails with what it said. */
export async function sh(t: Test, line: string): Promise<void> {
  const { code, stderr } = await run(t, line.split(' '))
  if (code !== 0) throw new Error(`${line}: ${stderr}`)
}

/** A network namespace with one cable to here; gone when the test ends. */
export class Namespace {
  readonly name: string
  /** Of this end of the cable. */
  readonly address: string
  /** Of the other end, in the namespace. */
  readonly inside: string
  readonly #t: Test
  /** The cable's other end. */
  readonly device: string
  readonly #near: string

  private constructor(t: Test, number: number) {
    this.#t = t
    this.#near = `sn${process.pid}${number}`
    this.device = `sf${process.pid}${number}`
    this.name = `ss${process.pid}n${number}`
    this.address = `10.${210 + number}.${process.pid % 256}.1`
    this.inside = `10.${210 + number}.${process.pid % 256}.2`
  }

  static async create(t: Test): Promise<Namespace> {
    const number = ++made
    const namespace = new Namespace(t, number)
    const { name, address, inside } = namespace
    await addNamespace(t, name)
    await sh(t, `ip netns exec ${name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1`)
    await namespace.#lay(namespace.#near, namespace.device, address, inside)
    return namespace
  }

  /** What goes before a command that is to run in it. */
  get prefix(): string[] {
    return ['ip', 'netns', 'exec', this.name]
  }

  /** Cuts the cable, or mends it: neither side is told. */
  async cut(isCut: boolean): Promise<void> {
    await sh(this.#t, `ip link set ${this.#near} ${isCut ? 'down' : 'up'}`)
  }

  /** Another cable to here. */
  async addCable(): Promise<{ device: string; address: string; inside: string }> {
    const [near, device] = [`${this.device}c`, `${this.device}d`]
    const [address, inside] = [this.address, this.inside].map(each => each.replace('10.2', '10.1')) as [
      string,
      string
    ]
    await this.#lay(near, device, address, inside)
    return { device, address, inside }
  }

  async #lay(near: string, far: string, address: string, inside: string): Promise<void> {
    const { name } = this
    await sh(this.#t, `ip link add ${near} type veth peer name ${far} netns ${name}`)
    await sh(this.#t, `ip addr add ${address}/30 dev ${near}`)
    await sh(this.#t, `ip link set ${near} up`)
    await sh(this.#t, `ip -n ${name} addr add ${inside}/30 dev ${far}`)
    await sh(this.#t, `ip -n ${name} link set ${far} up`)
    // Without a way out of it, WebRTC gathers nothing.
    await sh(this.#t, `ip -n ${name} route append default via ${address} dev ${far}`)
  }

  /** A firewall: nothing leaves or enters it any more but to and from this TCP port here, and this UDP port. */
  async allowOnly({ tcp, udp }: { tcp: number; udp?: number | undefined }): Promise<void> {
    const { name, address } = this
    const rule = (words: string) => sh(this.#t, `ip -n ${name} rule add ${words}`)
    for (const [protocol, port] of Object.entries({ tcp, ...(udp && { udp }) })) {
      // From that address alone: a socket of another one here may have the same port.
      await rule(`from ${address} iif ${this.device} ipproto ${protocol} sport ${port} pref 5 lookup local`)
      await rule(`to ${address} ipproto ${protocol} dport ${port} pref 6 lookup main`)
    }
    // Not all of it: ARP is answered by these rules as well.
    for (const each of ['tcp', 'udp']) await rule(`iif ${this.device} ipproto ${each} pref 7 blackhole`)
    // Not as a blackhole: who sends is told EINVAL there, at which Chromium closes the socket that its TURN answers come to.
    await rule(`to ${address} pref 8 prohibit`)
    await rule('ipproto udp pref 9 prohibit')
    // Its own addresses are asked for before any other rule.
    await rule('pref 20 lookup local')
    await sh(this.#t, `ip -n ${name} rule del pref 0`)
  }

  /** A file that runs a program in here, with what it is given. */
  wrap(program: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'netns-'))
    this.#t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'run')
    writeFileSync(file, `#!/bin/sh\nexec ${this.prefix.join(' ')} ${program} "$@"\n`)
    chmodSync(file, 0o755)
    return file
  }
}
