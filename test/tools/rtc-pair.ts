import SimplePeer from 'simple-peer'
import type { FakeWrtc } from 'socket-signal-testing'
import type tape from 'tape'
import { realStream } from './wrtc.ts'

/** What the fake and the real one have in common. */
export interface Wrtc {
  RTCPeerConnection: new (configuration?: RTCConfiguration) => RTCPeerConnection
}

export type Pair = [RTCPeerConnection, RTCPeerConnection]

export const CANDIDATE = 'candidate:1 1 udp 2122260223 127.0.0.1 9 typ host'

export function cut(wrtc: FakeWrtc, on: boolean): void {
  wrtc.network.reachable = () => !on
  wrtc.network.update()
}

export function pairOf(
  t: tape.Test,
  { RTCPeerConnection }: Wrtc,
  configuration: RTCConfiguration = {}
): Pair {
  const pair: Pair = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)]
  t.teardown(() => {
    for (const side of pair) side.close()
  })
  return pair
}

/** Two connections with an open channel: its ends, then the connections. */
export async function connect(t: tape.Test, wrtc: Wrtc): Promise<[RTCDataChannel, RTCDataChannel, ...Pair]> {
  const [a, b] = pairOf(t, wrtc)
  const left = a.createDataChannel('talk')
  left.binaryType = 'arraybuffer'
  const arrived = channelOf(b)
  await negotiate(a, b)
  const right = await arrived
  right.binaryType = 'arraybuffer'
  await opened(left, right)
  return [left, right, a, b]
}

/**
 * An offer and its answer, with candidates as they come. What was created goes over, not `localDescription`: the
 * native one writes that out while another thread puts candidates in, and a `c=` line may be of both.
 */
export async function negotiate(
  a: RTCPeerConnection,
  b: RTCPeerConnection,
  change: (sdp: string, type: 'offer' | 'answer') => string = sdp => sdp,
  options: RTCOfferOptions = {},
  candidates = true
): Promise<void> {
  const release = [trickle(a, b, candidates), trickle(b, a, candidates)]
  const offer = await a.createOffer(options)
  await a.setLocalDescription(offer)
  await b.setRemoteDescription({ type: 'offer', sdp: change(offer.sdp ?? '', 'offer') })
  release[0]?.()
  const answer = await b.createAnswer()
  await b.setLocalDescription(answer)
  await a.setRemoteDescription({ type: 'answer', sdp: change(answer.sdp ?? '', 'answer') })
  release[1]?.()
}

/** Hands candidates on, from when the returned function is called. */
function trickle(from: RTCPeerConnection, to: RTCPeerConnection, on: boolean): () => void {
  const early: RTCIceCandidate[] = []
  let live = false
  const add = (candidate: RTCIceCandidate) => void to.addIceCandidate(candidate).catch(() => {})
  from.onicecandidate = ({ candidate }) => {
    if (candidate && on) live ? add(candidate) : early.push(candidate)
  }
  return () => {
    live = true
    early.forEach(add)
  }
}

export function channelOf(connection: RTCPeerConnection): Promise<RTCDataChannel> {
  return new Promise(resolve => (connection.ondatachannel = ({ channel }) => resolve(channel)))
}

export async function opened(...channels: RTCDataChannel[]): Promise<void> {
  for (const channel of channels) {
    if (channel.readyState !== 'open') await new Promise(resolve => channel.addEventListener('open', resolve))
  }
}

export function statesOf(connection: RTCPeerConnection): string[] {
  const { signalingState, iceGatheringState, iceConnectionState, connectionState } = connection
  return [signalingState, iceGatheringState, iceConnectionState, connectionState]
}

/** The states that a connection was in at its events, each once, and its candidates. */
export function record(connection: RTCPeerConnection) {
  const seen = {
    signalingState: [] as string[],
    iceGatheringState: [] as string[],
    iceConnectionState: [] as string[],
    connectionState: [] as string[],
    candidates: [] as (string | null)[]
  }
  const states = ['signalingState', 'iceGatheringState', 'iceConnectionState', 'connectionState'] as const
  for (const state of states) {
    connection.addEventListener(`${state.toLowerCase()}change`, () => {
      if (seen[state].at(-1) !== connection[state]) seen[state].push(connection[state])
    })
  }
  connection.addEventListener('icecandidate', ({ candidate }) =>
    seen.candidates.push(candidate?.candidate ?? null)
  )
  return seen
}

// biome-ignore lint/suspicious/noExplicitAny: simple-peer's own fields are looked at.
export type Simple = any

export function simplePair(
  t: tape.Test,
  wrtc: Wrtc,
  { trickle = true, transform = (sdp: string) => sdp } = {},
  first: object = {}
): [Simple, Simple] {
  const options = { wrtc, trickle, config: { iceServers: [] }, iceCompleteTimeout: 300 } as object
  const alice: Simple = new SimplePeer({ ...options, ...first, initiator: true })
  const bob: Simple = new SimplePeer(options)
  for (const [from, to] of [
    [alice, bob],
    [bob, alice]
  ]) {
    from.on('error', () => {})
    from.on('signal', (signal: { sdp?: string }) => {
      if (!to.destroyed) to.signal(signal.sdp ? { ...signal, sdp: transform(signal.sdp) } : signal)
    })
  }
  t.teardown(async () => {
    for (const peer of [alice, bob]) {
      if (peer.destroyed) continue
      const closed = once(peer, 'close')
      peer.destroy()
      await closed
    }
  })
  return [alice, bob]
}

export function once(emitter: Simple, event: string): Promise<unknown> {
  return new Promise(resolve => emitter.once(event, resolve))
}

/** A stream with one track of sound. */
export function mediaStream(wrtc: Wrtc): MediaStream {
  if (!('createMediaStream' in wrtc)) return realStream()
  return (wrtc as unknown as FakeWrtc).createMediaStream({ video: false }) as unknown as MediaStream
}

export function swapFingerprint(sdp: string): string {
  return sdp.replace(
    /(a=fingerprint:sha-256 )(..)/g,
    (_line, name, byte) => name + (byte === '00' ? '01' : '00')
  )
}

export function read(sdp: string | undefined, name: string): string | undefined {
  return new RegExp(`^a=${name}:(.*?)\r?$`, 'm').exec(sdp ?? '')?.[1]
}

export function big(size: number): ArrayBuffer {
  return Uint8Array.from({ length: size }, (_, at) => at & 255).buffer
}

export function readable(data: unknown): string {
  return typeof data === 'string'
    ? `text ${data}`
    : `bytes ${Buffer.from(data as ArrayBuffer).toString('hex')}`
}
