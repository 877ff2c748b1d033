import { randomBytes } from 'node:crypto'
import { SocketSignalWebsocketClient, type SocketSignalWebsocketClientOptions } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { until } from './wait.ts'

/** How long the control client may wait for anything: whole seconds, since several tests share a machine. Unit: ms. */
const PATIENCE = 3_000
/** So that a control client stays within every rate. Unit: ms. */
const PAUSE = 120

/**
 * Two healthy clients who must notice nothing of an attack: one looks the other up and sends it a message, again and
 * again, and each time counts what it waited.
 */
export class Control {
  /** What each round waited. Unit: ms. */
  readonly waits: number[] = []
  readonly #clients: SocketSignalWebsocketClient[]
  readonly #topic = randomBytes(32)
  readonly #heard = new Set<unknown>()
  readonly #problems: string[] = []
  readonly #abort = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(url: string, options: SocketSignalWebsocketClientOptions = {}) {
    const rtc = () => {
      throw new Error('no WebRTC here')
    }
    this.#clients = [0, 1].map(() => new SocketSignalWebsocketClient(url, { rtc, ...options }))
    for (const client of this.#clients) {
      client.on('disconnected', (_again, why) => {
        if (!this.#abort.signal.aborted) this.#problems.push(`disconnected: ${String(why)}`)
      })
    }
    this.#clients[1]?.on('message', ({ data }) => this.#heard.add(data))
  }

  /** Opens it; ends with the test. */
  static async start(t: Test, url: string, options?: SocketSignalWebsocketClientOptions): Promise<Control> {
    const control = new Control(url, options)
    t.teardown(() => control.stop())
    await control.open()
    return control
  }

  async open(): Promise<void> {
    for (const client of this.#clients) await client.join(this.#topic)
    this.#running = this.#run()
  }

  /** Measures before, during and after, and fails the test if it ever waited for whole seconds or lost its socket. */
  async watches<T>(t: Test, attack: () => Promise<T>, what = 'the attack'): Promise<T> {
    await this.rounds(3)
    const before = this.waits.length
    const result = await attack()
    const during = this.waits.length
    await this.rounds(3)
    t.ok(before >= 3 && this.waits.length >= during + 3, `control: measured before, during and after ${what}`)
    const longest = Math.max(...this.waits)
    t.ok(
      longest < PATIENCE,
      `control: waited ${Math.ceil(longest)} ms at most in ${this.waits.length} rounds`
    )
    t.same(this.#problems, [], 'control: lost nothing')
    return result
  }

  /** Waits until so many further rounds are done. */
  rounds(count: number): Promise<void> {
    const wanted = this.waits.length + count
    const done = () => this.waits.length >= wanted || this.#problems.length > 0
    return until(done, 'the control client goes on', 20)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
    await Promise.all(this.#clients.map(client => client.close()))
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#abort.signal.aborted; round++) {
      const began = performance.now()
      await this.#round(round).catch(error => {
        if (!this.#abort.signal.aborted) this.#problems.push(`round ${round}: ${error.message}`)
      })
      this.waits.push(performance.now() - began)
      await new Promise(resolve => setTimeout(resolve, PAUSE))
    }
  }

  async #round(round: number): Promise<void> {
    const [one, other] = this.#clients as [SocketSignalWebsocketClient, SocketSignalWebsocketClient]
    const { signal } = this.#abort
    const [found] = await one.lookup(this.#topic, { signal })
    if (!found || Buffer.compare(found, other.id) !== 0) throw new Error('the other was not found')
    await one.publish(this.#topic, round, { signal })
    await until(() => this.#heard.delete(round) || signal.aborted, 'the message arrived', 10)
  }
}
