import { EventEmitter } from 'node:events'
import { SocketSignalClient, type SocketSignalClientOptions } from 'socket-signal'
import { socketPair } from 'socket-signal-memory'
import type { Test } from 'tape'
import type { Challenge, Welcome } from '../../packages/core/src/frame.ts'
import { RawClient } from './raw.ts'

class Client extends SocketSignalClient {}

/** A WebRTC connection that makes descriptions, takes anything, and says that it is open once it has both. */
export class StubRtc extends EventEmitter {
  connected = false
  destroyed = false
  readonly signals: unknown[] = []

  constructor({ initiator }: { initiator: boolean }) {
    super()
    if (initiator) queueMicrotask(() => this.emit('signal', { type: 'offer', sdp: 'v=0\r\n' }))
  }

  signal(signal: { type: string }): void {
    this.signals.push(signal)
    if (signal.type === 'offer') this.emit('signal', { type: 'answer', sdp: 'v=0\r\n' })
    if ('sdp' in signal) queueMicrotask(() => this.emit('connect'))
  }

  destroy(error?: Error): void {
    if (this.destroyed) return
    this.destroyed = true
    if (error) this.emit('error', error)
    this.emit('close')
  }

  addStream(): void {}
  removeStream(): void {}
}

const CHALLENGE: Challenge = {
  kind: 'challenge',
  requestId: 0,
  versions: [1],
  nonce: new Uint8Array(32).fill(7)
}

export const WELCOME: Welcome = {
  kind: 'welcome',
  requestId: 1,
  resumed: false,
  pingInterval: 15_000,
  maxPayload: 65_536,
  maxMessage: 16_384,
  resumeWindow: 0,
  received: 0,
  lost: 0,
  resumeKey: new Uint8Array(32),
  body: Buffer.from('{}')
}

/** A client whose server the test itself plays, frame by frame: `server` has sent its challenge, or what is given. */
export function played(
  t: Test,
  options: SocketSignalClientOptions = {},
  first: Challenge | Welcome = CHALLENGE
) {
  const { left, right } = socketPair()
  const rtcs: StubRtc[] = []
  const rtc = (own: { initiator: boolean }) => {
    const made = new StubRtc(own)
    rtcs.push(made)
    return made as never
  }
  const client = new Client(left, { rtc, requestTimeout: 5_000, ...options })
  const server = new RawClient(right)
  server.send(first)
  t.teardown(() => client.close())
  return { client, server, rtcs }
}

/** As `played`, with the welcome given. */
export async function playedOpen(t: Test, options: SocketSignalClientOptions = {}) {
  const story = played(t, options)
  const opening = story.client.open()
  await story.server.next('hello')
  story.server.send(WELCOME)
  await opening
  return story
}
