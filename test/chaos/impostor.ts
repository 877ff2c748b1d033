import {
  type FakePeerConnection,
  type FakeWrtc,
  fakeWrtc,
  seededRandom,
  type Way,
  type World
} from 'socket-signal-testing'
import { Addressed, decodeFrame } from '../../packages/core/src/frame.ts'
import { FLAG } from '../../packages/core/src/protocol.ts'

/** What an impostor has ready for one session: descriptions of its own, for either side. */
interface Trap {
  offer?: string
  answer?: string
  /** What it offers to the callee with. */
  caller: FakePeerConnection
}

/**
 * A hostile server with WebRTC of its own. It puts its descriptions in the place of those that go by, so that both sides
 * would connect to it; takes signatures away, plays frames back, says that they come from somebody else, drops them.
 */
export class Impostor {
  /** What it did, and how often. */
  readonly done = new Map<string, number>()
  /** Connections that somebody has opened to it. */
  reached = 0
  readonly #world: World
  readonly #wrtc: FakeWrtc
  readonly #random: () => number
  readonly #traps = new Map<string, Trap>()
  readonly #seen: Addressed[] = []

  constructor(world: World) {
    this.#world = world
    this.#random = seededRandom(world.seed)
    this.#wrtc = fakeWrtc({ network: world.media, clock: world.clock })
  }

  /** What comes of a frame: see `WorldOptions.wire`. */
  wire(bytes: Uint8Array, { to }: Way): Uint8Array[] {
    const frame = decodeFrame(Uint8Array.from(bytes))
    if (!(frame instanceof Addressed)) return [bytes]
    if (to === 'client') return this.#betray(frame, bytes)
    const { offer, answer } = bodyOf(frame)
    if (offer) void this.#lay(keyOf(frame), offer.sdp)
    // The callee has answered an offer that was the impostor's.
    const trap = this.#traps.get(keyOf(frame))
    if (answer && trap) trap.caller.setRemoteDescription(answer).catch(() => {})
    return [bytes]
  }

  close(): void {
    for (const connection of [...this.#wrtc.connections]) connection.close()
  }

  #betray(frame: Addressed, bytes: Uint8Array): Uint8Array[] {
    const die = this.#random()
    const forged = this.#forge(frame)
    const did = (what: string, ...frames: Uint8Array[]) => {
      this.done.set(what, (this.done.get(what) ?? 0) + 1)
      return frames
    }
    if (die < 0.1) return did('dropped')
    if (die < 0.2) {
      frame.address = this.#pick(this.#world.peers).id
      return did('told as of somebody else', frame.bytes)
    }
    if (die < 0.35 && this.#seen.length > 0)
      return did('played back', bytes, Uint8Array.from(this.#pick(this.#seen).bytes))
    this.#seen.push(frame)
    if (die < 0.5 && forged) {
      forged.signature = new Uint8Array(64)
      if (this.#random() < 0.5) forged.bytes[1] = forged.flags | FLAG.bare
      return did('stripped', forged.bytes)
    }
    if (die < 0.8 && forged) return did('swapped', forged.bytes)
    return [bytes]
  }

  /** The frame with a description of the impostor's. */
  #forge(frame: Addressed): Addressed | undefined {
    const body = bodyOf(frame)
    const trap = this.#traps.get(keyOf(frame))
    if (body.offer && trap?.offer) body.offer.sdp = trap.offer
    else if (body.answer && trap?.answer) body.answer.sdp = trap.answer
    else return undefined
    const json = new TextEncoder().encode(JSON.stringify(body))
    const head = frame.bytes.subarray(0, frame.bytes.length - frame.body.length)
    return new Addressed(Uint8Array.from([...head, ...json]), frame.kind)
  }

  /** Makes ready for both sides of a session whose offer goes by. */
  async #lay(key: string, offer: string): Promise<void> {
    if (this.#traps.has(key)) return
    const [caller, callee] = [this.#make(), this.#make()]
    const trap: Trap = { caller }
    this.#traps.set(key, trap)
    await callee.setRemoteDescription({ type: 'offer', sdp: offer })
    await callee.setLocalDescription(await callee.createAnswer())
    caller.createDataChannel('impostor')
    await caller.setLocalDescription(await caller.createOffer())
    await this.#world.sleep(1) // Candidates are found.
    Object.assign(trap, { offer: caller.localDescription?.sdp, answer: callee.localDescription?.sdp })
  }

  #make(): FakePeerConnection {
    const connection = new this.#wrtc.RTCPeerConnection()
    connection.addEventListener('connectionstatechange', () => {
      if (connection.connectionState === 'connected') this.reached++
    })
    return connection
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T
  }
}

function keyOf({ session }: Addressed): string {
  return session.join()
}

interface Description {
  type: 'offer' | 'answer'
  sdp: string
}

function bodyOf({ kind, body }: Addressed): { offer?: Description; answer?: Description } {
  if (kind !== 'offer' && kind !== 'answer') return {}
  return JSON.parse(new TextDecoder().decode(body))
}
