import { randomBytes } from 'node:crypto'
import wrtc from '@roamhq/wrtc'
import SimplePeer from 'simple-peer'
import type { SocketSignalClientOptions } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { Addressed } from '../../packages/core/src/frame.ts'
import { evil, type Tamper, withBody } from '../tools/evil.ts'
import { duplex } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import type { WrappedSocket } from '../tools/wrapped.ts'
import { simplePeer } from '../tools/wrtc.ts'

const RTC = { simplePeer, iceServers: [] }

/** A relay that ends both DTLS connections itself: answers the caller, and calls the callee in the caller's name. */
class Interceptor {
  /** What it could read. */
  readonly read: string[] = []
  socket: WrappedSocket | undefined
  readonly #ends: SimplePeer.Instance[] = []
  #caller: SimplePeer.Instance | undefined
  #answer: Promise<unknown> | undefined
  #callee: SimplePeer.Instance | undefined

  readonly up: Tamper = (frame, bytes) => {
    if (!(frame instanceof Addressed) || frame.kind !== 'offer') return bytes
    void this.#call(new Addressed(Uint8Array.from(bytes), 'offer'))
    return null
  }

  readonly down: Tamper = (frame, bytes) => {
    if (!(frame instanceof Addressed) || frame.kind !== 'answer') return bytes
    void this.#reply(new Addressed(Uint8Array.from(bytes), 'answer'))
    return null
  }

  readonly #pass: (bytes: Uint8Array) => void

  constructor(pass: (bytes: Uint8Array) => void) {
    this.#pass = pass
  }

  end(): void {
    for (const each of this.#ends) each.destroy()
  }

  async #call(frame: Addressed): Promise<void> {
    this.#caller = this.#make(false)
    this.#callee = this.#make(true)
    this.#answer = signalOf(this.#caller)
    this.#caller.signal(JSON.parse(Buffer.from(frame.body).toString()).offer)
    const offer = await signalOf(this.#callee)
    this.#caller.on('data', (data: Buffer) => {
      this.read.push(String(data))
      this.#callee?.write(data)
    })
    this.#pass(withBody(frame, body => JSON.stringify({ ...JSON.parse(body), offer })))
  }

  async #reply(frame: Addressed): Promise<void> {
    this.#callee?.signal(JSON.parse(Buffer.from(frame.body).toString()).answer)
    const answer = await this.#answer
    this.socket?.inject(withBody(frame, body => JSON.stringify({ ...JSON.parse(body), answer })))
  }

  #make(initiator: boolean): SimplePeer.Instance {
    const made = new SimplePeer({ initiator, trickle: false, wrtc, config: { iceServers: [] } })
    made.on('error', () => {})
    this.#ends.push(made)
    return made
  }
}

function signalOf(peer: SimplePeer.Instance): Promise<unknown> {
  return new Promise(resolve => peer.once('signal', resolve))
}

test('hostile peer: a relay in the middle reads everything without signatures, and nothing with them', {
  timeout: 60_000
}, async t => {
  const server = new SocketSignalMemoryServer()
  t.teardown(() => server.close())
  const client = (dial: () => ReturnType<typeof server.dial>, options: SocketSignalClientOptions) => {
    const simplePeer = { ...RTC.simplePeer, trickle: false }
    const each = new SocketSignalMemoryClient({ dial }, { ...RTC, simplePeer, ...options })
    t.teardown(() => each.close())
    return each
  }
  for (const verify of ['off', 'required'] as const) {
    const topic = randomBytes(32)
    const honest = server.dial()
    const relay = new Interceptor(bytes => honest.send(bytes))
    t.teardown(() => relay.end())
    relay.socket = evil(honest, relay)
    const alice = client(() => relay.socket as WrappedSocket, { verify })
    const bob = client(() => server.dial(), { verify })
    const heard: string[] = []
    bob.on('peer-connected', ({ peer }) => void duplex(peer).on('data', data => heard.push(String(data))))
    await bob.join(topic)
    await alice.open()
    const ready = alice.connect(topic, bob.id).ready()
    if (verify === 'required') {
      t.equal((await rejection(ready)).code, 'BAD_SIGNATURE', 'with signatures it is found out')
      t.same([relay.read, heard], [[], []], 'before a word was said')
      continue
    }
    duplex(await ready).write('a secret')
    await until(() => heard.length > 0)
    t.same([relay.read, heard], [['a secret'], ['a secret']], 'without them nobody notices')
  }
})
