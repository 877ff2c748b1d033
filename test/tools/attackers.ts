import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { KeyPair } from 'socket-signal'
import { createAddressed, encodeFrame } from '../../packages/core/src/frame.ts'
import type { AddressedKind } from '../../packages/core/src/protocol.ts'
import { MALFORMED } from './malformed.ts'
import { RawClient, rawHello, rawJoin, rawKeys, rawLookup, signHello } from './raw.ts'
import { Wire } from './wire.ts'

export interface AttackOptions {
  /** The server's WebSocket URL. */
  url: string
  /** How long. Unit: s. */
  seconds: number
  /** Connections at once, each kind of attacker as many as the others. Default: 20. */
  connections?: number
  /** A token that lets in: some attackers are insiders. Default: none. */
  token?: string
  /** Default: all of them. */
  kinds?: readonly AttackerKind[]
}

interface Scene {
  url: string
  token: string
  /** A topic that floods go to, and slow readers listen in. */
  topic: Buffer
  /** When it is over. Unit: ms, as Date.now(). */
  end: number
}

interface Party {
  wire: Wire
  raw: RawClient
}

/** What one attacker does with one socket after the other, until the time is over. Gives how often it struck. */
const ATTACKERS = { malformed, flood, slow, storm, tokens }
export type AttackerKind = keyof typeof ATTACKERS

/** Attacks from so many connections at once. Gives how often each kind struck. */
export async function attack({
  url,
  seconds,
  connections = 20,
  token = '',
  kinds = Object.keys(ATTACKERS) as AttackerKind[]
}: AttackOptions): Promise<{ [kind in AttackerKind]?: number }> {
  const scene = { url, token, topic: randomBytes(32), end: Date.now() + seconds * 1000 }
  const strikes: { [kind in AttackerKind]?: number } = {}
  const one = async (kind: AttackerKind) => {
    const keys = await rawKeys()
    while (Date.now() < scene.end) {
      const count = await ATTACKERS[kind](scene, keys).catch(() => 0)
      strikes[kind] = (strikes[kind] ?? 0) + count
      await pause(10)
    }
  }
  await Promise.all(
    Array.from({ length: connections }, (_, at) => one(kinds[at % kinds.length] as AttackerKind))
  )
  return strikes
}

/** Breaks the rules of WebSocket or of our frames, once a socket. */
async function malformed(scene: Scene, keys: KeyPair): Promise<number> {
  const { wire, raw } = await enter(scene, keys)
  const [, bytes] = MALFORMED[randomBytes(1).readUInt8() % MALFORMED.length] as (typeof MALFORMED)[number]
  wire.write(bytes)
  await raw.settled()
  return 1
}

/** Sends as much of everything as the socket takes, until it is closed. */
async function flood(scene: Scene, keys: KeyPair): Promise<number> {
  const { wire, raw } = await enter(scene, keys)
  raw.send(rawJoin(scene.topic))
  const frames = [
    ...Array.from({ length: 20 }, (_, at) => encodeFrame({ kind: 'ping', requestId: 10 + at, received: 0 })),
    ...Array.from({ length: 20 }, (_, at) =>
      encodeFrame(rawLookup(at % 2 ? scene.topic : randomBytes(32), { requestId: 50 + at }))
    ),
    ...Array.from({ length: 20 }, (_, at) => addressed('offer', randomBytes(32), scene.topic, 100 + at, 50)),
    ...Array.from({ length: 10 }, () => addressed('signal', randomBytes(32), scene.topic, 0, 4_000)),
    ...Array.from({ length: 10 }, (_, at) =>
      addressed('message', Buffer.alloc(32), scene.topic, 200 + at, 16_000)
    )
  ]
  let sent = 0
  while (!raw.closed && Date.now() < scene.end) {
    for (const frame of frames) {
      if (wire.bufferedAmount > 1_000_000) break
      wire.send(frame)
      sent++
    }
    raw.received.length = 0
    await pause(5)
  }
  wire.destroy()
  return sent
}

/** Asks for much and reads nothing. */
async function slow(scene: Scene, keys: KeyPair): Promise<number> {
  const { wire, raw } = await enter(scene, keys)
  raw.send(rawJoin(scene.topic, { watch: true }))
  wire.pause()
  const closed = new Promise(resolve => wire.tcp.once('close', resolve))
  for (let asked = 0; !wire.tcp.destroyed && Date.now() < scene.end; asked++) {
    wire.send(encodeFrame(rawLookup(scene.topic, { requestId: 10 + asked, limit: 1_000, details: true })))
    await Promise.race([closed, pause(25)])
  }
  wire.destroy()
  return 1
}

/** Joins 128 topics with much to say, watches them, and goes without a word. */
async function storm(scene: Scene, keys: KeyPair): Promise<number> {
  const { wire, raw } = await enter(scene, keys)
  const info = Buffer.alloc(1024, 'x')
  for (let at = 0; at < 130; at++)
    raw.send(rawJoin(randomBytes(32), { requestId: 10 + at, watch: true, info }))
  raw.send(rawJoin(scene.topic, { requestId: 200, watch: true, info }))
  await Promise.race([raw.settled(() => raw.received.length > 100), pause(200)])
  if (randomBytes(1).readUInt8() % 2) wire.destroy()
  else wire.close()
  return 1
}

/** Comes with tokens that are wrong in many ways, at hello and later. */
async function tokens(scene: Scene, keys: KeyPair): Promise<number> {
  const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const forged = `${segment({ alg: 'none' })}.${segment({ sub: 'root', exp: 9e9 })}.`
  for (const token of ['', 'x', '__proto__', randomBytes(300).toString('hex'), 'é'.repeat(4_000), forged]) {
    const { raw } = await enter({ ...scene, token }, keys, false)
    if (raw.closed) continue
    // Here everybody is let in: a token on the open socket then.
    raw.send({ kind: 'token', requestId: 5, token })
    await raw.settled(() => raw.received.some(({ requestId }) => requestId === 5))
    raw.close()
  }
  const { wire } = await enter(scene, keys)
  for (let at = 0; at < 50; at++) wire.send(encodeFrame({ kind: 'token', requestId: 10 + at, token: forged }))
  await pause(50)
  wire.close()
  return 7
}

async function enter({ url, token }: Scene, keys: KeyPair, insist = true): Promise<Party> {
  // An id of its own each time: the same one would only replace itself.
  const own = randomBytes(1).readUInt8() % 4 ? keys : await rawKeys()
  const wire = await Wire.dial(url)
  const raw = new RawClient(wire, own.publicKey, new URL(url).origin)
  const { nonce } = await raw.next('challenge')
  const hello = rawHello({ id: raw.id, audience: raw.audience, proven: true, token })
  await signHello(hello, nonce, own)
  raw.send(hello)
  await raw.settled(() => raw.received.some(({ kind }) => kind === 'welcome'))
  if (raw.closed && insist) throw new Error(`closed with ${raw.closed.code}`)
  return { wire, raw }
}

/** What a log must never show. */
const SECRETS = '{"sdp":"a=candidate:1 1 udp 1 192.0.2.1 9 typ host","credential":"x"} '

function addressed(
  kind: AddressedKind,
  address: Buffer,
  topic: Buffer,
  requestId: number,
  size: number
): Uint8Array {
  const frame = createAddressed(kind, {
    flags: 1,
    address,
    topic,
    session: randomBytes(32),
    seq: 1,
    body: Buffer.alloc(size, SECRETS)
  })
  frame.requestId = requestId
  return frame.bytes
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

// In a process of its own, so that what an attacker costs does not slow down who measures:
// `node --import tsx test/tools/attackers.ts '{"url":"ws://127.0.0.1:4000","seconds":10}'`
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await attack(JSON.parse(process.argv[2] ?? '{}'))))
}
