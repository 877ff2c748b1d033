import { randomBytes } from 'node:crypto'
import { createCrypto, type KeyPair, LOCAL_AUDIENCE, type Socket } from 'socket-signal'
import {
  Addressed,
  type AddressedFields,
  createAddressed,
  decodeFrame,
  encodeFrame,
  type Frame,
  type Hello,
  sealedBytes
} from '../../packages/core/src/frame.ts'
import { helloBytes } from '../../packages/core/src/identity.ts'
import type { AddressedKind } from '../../packages/core/src/protocol.ts'
import { helloUnsigned } from './bytes.ts'

/** The frame of a kind; those from peer to peer share one class. */
type OfKind<K extends Frame['kind']> = K extends AddressedKind ? Addressed : Extract<Frame, { kind: K }>
type Join = OfKind<'join'>
type Lookup = OfKind<'lookup'>

/** A client that keeps no rules: sends what it is told, and keeps what it is sent. */
export class RawClient {
  readonly received: Frame[] = []
  readonly id: Uint8Array
  /** What its hello is signed for. */
  readonly audience: string
  closed: { code: number; reason: string } | undefined
  readonly #socket: Socket
  readonly #waiting = new Set<() => void>()

  constructor(socket: Socket, id: Uint8Array = randomBytes(32), audience = LOCAL_AUDIENCE) {
    this.#socket = socket
    this.id = id
    this.audience = audience
    socket.onclose = event => {
      this.closed = event
      this.#wake()
    }
    socket.onmessage = bytes => {
      this.received.push(decodeFrame(Buffer.from(bytes)))
      this.#wake()
    }
  }

  send(frame: Exclude<Frame, Addressed | { kind: 'unknown' }>): void {
    this.#socket.send(encodeFrame(frame))
  }

  bytes(bytes: Uint8Array): void {
    this.#socket.send(bytes)
  }

  addressed(kind: AddressedKind, fields: Partial<AddressedFields>, requestId = 0): void {
    const zero = new Uint8Array(32)
    const frame = createAddressed(kind, {
      flags: 1,
      address: zero,
      topic: zero,
      session: randomBytes(32),
      seq: 1,
      body: Buffer.from('{}'),
      ...fields
    })
    frame.requestId = requestId
    this.#socket.send(frame.bytes)
  }

  /** As `addressed`, signed by this key as a peer signs; `re` is the signature that it answers. Gives what was sent. */
  async sealed(
    kind: AddressedKind,
    keys: KeyPair,
    value: unknown,
    fields: Partial<AddressedFields> & { requestId?: number; re?: Uint8Array } = {}
  ): Promise<Addressed> {
    const { requestId = 0, re = new Uint8Array(64), ...rest } = fields
    const zero = new Uint8Array(32)
    const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
    const common = { flags: 1, address: zero, topic: zero, session: randomBytes(32), seq: 1, body }
    const frame = createAddressed(kind, { ...common, ...rest })
    frame.requestId = requestId
    const identity = await createCrypto().identity(keys)
    frame.signature = await identity.sign(sealedBytes(frame, this.id, frame.address, re))
    const sent = new Addressed(Uint8Array.from(frame.bytes), kind)
    this.#socket.send(frame.bytes)
    return sent
  }

  /** Says hello and waits for the welcome. Without keys the id is a bare claim. */
  async hello(change: Partial<Hello> = {}, keys?: KeyPair): Promise<void> {
    const { nonce } = await this.next('challenge')
    const { id, audience } = this
    const hello = rawHello({ id, audience, proven: keys !== undefined, ...change })
    if (keys) await signHello(hello, nonce, keys)
    this.send(hello)
    await this.settled(() => this.received.some(({ kind }) => kind === 'welcome'))
  }

  /** Joins a topic, and waits until it has. */
  async join(topic: Uint8Array, change: Partial<Join> = {}): Promise<void> {
    const join = rawJoin(topic, change)
    this.send(join)
    await this.next('result', ({ requestId }) => requestId === join.requestId)
  }

  /** Waits for a frame of that kind, whether it has come already or not. */
  async next<K extends Frame['kind']>(
    kind: K,
    accept: (frame: Frame) => boolean = () => true
  ): Promise<OfKind<K>> {
    const find = () => this.received.find(frame => frame.kind === kind && accept(frame))
    await this.settled(() => find() !== undefined)
    const found = find()
    if (!found) throw new Error(`closed with ${this.closed?.code} ${this.closed?.reason} before ${kind} came`)
    return found as OfKind<K>
  }

  /** Waits until something holds, or the socket has ended. */
  async settled(fact: () => boolean = () => false): Promise<void> {
    const end = Date.now() + 10_000
    while (!fact() && !this.closed) {
      if (Date.now() > end) throw new Error('nothing came within 10 s')
      await new Promise<void>(resolve => {
        const wake = () => {
          clearTimeout(timer)
          this.#waiting.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, 100)
        this.#waiting.add(wake)
      })
    }
  }

  close(): void {
    this.#socket.close()
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

export function rawHello(change: Partial<Hello>): Hello {
  return {
    kind: 'hello',
    requestId: 1,
    version: 1,
    id: randomBytes(32),
    proven: false,
    resume: false,
    resumeKey: new Uint8Array(32),
    received: 0,
    audience: LOCAL_AUDIENCE,
    token: '',
    signature: new Uint8Array(64),
    ...change
  }
}

export function rawJoin(topic: Uint8Array, change: Partial<Join> = {}): Join {
  return {
    ...{ kind: 'join', requestId: 2, topic, watch: false, limit: 0, info: new Uint8Array(0) },
    ...change
  }
}

export function rawLookup(topic: Uint8Array, change: Partial<Lookup> = {}): Lookup {
  return { ...{ kind: 'lookup', requestId: 3, topic, limit: 0, after: undefined, details: false }, ...change }
}

export async function signHello(
  hello: Hello,
  nonce: Uint8Array,
  keys: KeyPair,
  audience = hello.audience
): Promise<void> {
  const identity = await createCrypto().identity(keys)
  hello.signature = await identity.sign(helloBytes(nonce, audience, helloUnsigned(hello)))
}

/** A key pair as bytes. */
export async function rawKeys(): Promise<KeyPair> {
  const { privateKey, publicKey } = (await crypto.subtle.generateKey('Ed25519', true, [
    'sign',
    'verify'
  ])) as CryptoKeyPair
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey))
  return {
    secretKey: pkcs8.slice(-32),
    publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey))
  }
}
