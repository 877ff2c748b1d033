import {
  type Check,
  type ClientEvents,
  type Explanation,
  type Member,
  type Peer,
  toHex,
  topicFromName
} from 'socket-signal'
import { followPage } from 'socket-signal/browser'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { cleanName } from './names.ts'
import { isLoopback, signalUrl, token } from './place.ts'

export interface Person {
  id: Uint8Array
  name: string
  state: 'connecting' | 'connected' | 'failed'
  /** How long it took from the first try to the open channel. Unit: ms. */
  took?: number
  /** Why it failed. */
  error?: string
  /** The last connection with them, explained. */
  explanation?: Explanation
}

export interface RoomEvents {
  onpeople(people: Person[]): void
  onmessage(person: Person, text: string): void
  onnews(person: Person, news: 'joined' | 'left'): void
  /** How it stands with the server. */
  onserver(state: 'connecting' | 'connected' | 'reconnecting' | 'closed', problem?: string): void
  /** What is wrong with the server, or what it has against this client. */
  onproblem(check: Check): void
}

interface Entry extends Person {
  /** Whether the server says that they are here. */
  present: boolean
  /** Whether it is known on the page that they are here. */
  announced: boolean
  began: number
  peer: Peer | undefined
  /** Runs while it is not known whether somebody whom the server lost is still there. */
  silence?: ReturnType<typeof setTimeout> | undefined
}

type Packet = { type: 'text'; text: string } | { type: 'name'; name: string } | { type: 'ping' | 'pong' }

const MAX_TEXT = 4000
/** How long to wait for the news that somebody has left before dialing again. Unit: ms. */
const REDIAL = 1000
/** How long a channel may take to show that it lives. Unit: ms. */
const PONG = 2000

/** Everybody in one topic, each over a data channel of its own. Knows no element of the page. */
export class Room {
  readonly #client: SocketSignalWebsocketClient
  readonly #stopFollowing: () => void
  readonly #events: RoomEvents
  readonly #entries = new Map<string, Entry>()
  readonly #topicName: string
  #topic: Uint8Array = new Uint8Array(32)
  #name: string
  #joined = false
  #closed = false
  #looking = false

  constructor(topicName: string, name: string, events: RoomEvents) {
    this.#topicName = topicName
    this.#name = name
    this.#events = events
    // Both ends on one machine need no STUN server, and should work without a network.
    this.#client = new SocketSignalWebsocketClient([signalUrl()], {
      ...(isLoopback() && { iceServers: [] }),
      token: token()
    })
    this.#stopFollowing = followPage(this.#client)
  }

  get id(): Uint8Array {
    return this.#client.id
  }

  async open(): Promise<void> {
    this.#listen()
    this.#events.onserver('connecting')
    this.#topic = await topicFromName(this.#topicName)
    await this.#join()
    this.#joined = true
  }

  /** Sends to everybody who is connected. Gives how many that were. */
  send(text: string): number {
    return this.#broadcast({ type: 'text', text })
  }

  async rename(name: string): Promise<void> {
    this.#name = name
    this.#broadcast({ type: 'name', name })
    await this.#join()
  }

  /** Looks at server, token, UDP and TURN. */
  async check(): Promise<Check[]> {
    return (await this.#client.diagnose()).checks
  }

  retry(id: Uint8Array): void {
    const entry = this.#entries.get(toHex(id))
    if (entry && entry.state !== 'connected') this.#dial(entry)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stopFollowing()
    await this.#client.close()
  }

  async #join(): Promise<void> {
    await this.#client.join(this.#topic, { watch: true, info: { name: this.#name } })
  }

  #listen(): void {
    const on = <K extends keyof ClientEvents>(event: K, listener: (...args: ClientEvents[K]) => void) =>
      this.#client.on(event, (...args) => !this.#closed && listener(...args))
    on('connected', () => this.#events.onserver('connected'))
    on('disconnected', (comesBack, { error }) =>
      this.#events.onserver(comesBack ? 'reconnecting' : 'closed', error.message)
    )
    on('connect-error', (error, comesBack) => {
      this.#events.onserver(comesBack ? 'reconnecting' : 'closed', error.message)
      void this.#tellProblem()
    })
    on('peer-joined', member => this.#arrived(member))
    on('peer-left', ({ id }) => this.#left(id))
    on('peer-connecting', ({ peer }) => this.#connecting(peer))
    on('peer-connected', ({ peer }) => this.#connected(peer))
    on('peer-error', ({ peer, error }) => this.#failed(peer, error))
  }

  #arrived({ id, info }: Member): void {
    const entry = this.#entry(id)
    entry.present = true
    entry.name = cleanName((info as { name?: unknown } | undefined)?.name, id)
    // Who was there before us has not just joined.
    if (!entry.announced && this.#joined) this.#events.onnews(entry, 'joined')
    entry.announced = true
    if (!entry.peer) this.#dial(entry)
    this.#changed()
  }

  /** Who has lost the server, not us, still answers over the channel. */
  #left(id: Uint8Array): void {
    const entry = this.#entries.get(toHex(id))
    if (!entry) return
    entry.present = false
    if (!entry.peer?.connected) return this.#drop(entry)
    write(entry.peer, { type: 'ping' })
    entry.silence = setTimeout(() => this.#drop(entry), PONG)
  }

  #drop(entry: Entry): void {
    clearTimeout(entry.silence)
    if (entry.present || this.#entries.get(toHex(entry.id)) !== entry) return
    this.#entries.delete(toHex(entry.id))
    for (const peer of this.#client.peers) if (toHex(peer.id) === toHex(entry.id)) peer.destroy()
    if (entry.announced) this.#events.onnews(entry, 'left')
    this.#changed()
  }

  #dial(entry: Entry): void {
    if (entry.state !== 'connecting') entry.began = performance.now()
    entry.state = 'connecting'
    delete entry.error
    const peer = this.#client.connect(this.#topic, entry.id, { dedupe: true })
    peer.ready().catch(() => {}) // `peer-error` tells of it.
    this.#changed()
  }

  #connecting(peer: Peer): void {
    const entry = this.#entry(peer.id)
    if (entry.state !== 'connected') entry.state = 'connecting'
    this.#changed()
  }

  #connected(peer: Peer): void {
    const entry = this.#entry(peer.id)
    entry.peer = peer
    entry.state = 'connected'
    entry.took = performance.now() - entry.began
    delete entry.error
    void this.#explain(entry, peer)
    peer.on('path-changed', () => void this.#explain(entry, peer))
    peer.stream.on('data', (data: Uint8Array) => this.#receive(entry, data))
    peer.on('close', () => this.#lost(entry, peer))
    this.#changed()
  }

  #failed(peer: Peer, error: Error): void {
    const entry = this.#entries.get(toHex(peer.id))
    if (!entry || entry.state === 'connected') return
    entry.state = 'failed'
    entry.error = error.message
    void this.#explain(entry, peer)
    if (entry.present) this.#changed()
    else this.#drop(entry)
  }

  async #explain(entry: Entry, peer: Peer): Promise<void> {
    const explanation = await peer.explain()
    // Meanwhile another connection may have taken its place.
    if (entry.peer && entry.peer !== peer) return
    entry.explanation = explanation
    this.#changed()
  }

  /** Which of the things that are needed is missing, in words. */
  async #tellProblem(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const wrong = (await this.check()).find(({ name, ok }) => ok === false && /server|token/.test(name))
    this.#looking = false
    if (wrong && !this.#closed && !this.#client.connected) this.#events.onproblem(wrong)
  }

  /** A channel that closed under somebody who is still here is dialed again; who has left is told of in a moment. */
  #lost(entry: Entry, peer: Peer): void {
    if (entry.peer !== peer) return
    entry.peer = undefined
    if (!entry.present) return this.#drop(entry)
    entry.state = 'connecting'
    entry.began = performance.now()
    this.#changed()
    setTimeout(() => {
      const isHere = this.#entries.get(toHex(entry.id)) === entry
      if (isHere && !entry.peer && entry.present && !this.#closed) this.#dial(entry)
    }, REDIAL)
  }

  #receive(entry: Entry, data: Uint8Array): void {
    const packet = toPacket(data)
    clearTimeout(entry.silence)
    if (packet?.type === 'ping' && entry.peer) write(entry.peer, { type: 'pong' })
    if (packet?.type === 'text') this.#events.onmessage(entry, packet.text)
    if (packet?.type !== 'name') return
    entry.name = cleanName(packet.name, entry.id)
    this.#changed()
  }

  #broadcast(packet: Packet): number {
    const connected = [...this.#entries.values()].flatMap(({ peer }) => (peer?.connected ? [peer] : []))
    for (const peer of connected) write(peer, packet)
    return connected.length
  }

  #entry(id: Uint8Array): Entry {
    const known = this.#entries.get(toHex(id))
    if (known) return known
    const entry: Entry = {
      id,
      name: cleanName(undefined, id),
      state: 'connecting',
      present: false,
      announced: false,
      began: performance.now(),
      peer: undefined
    }
    this.#entries.set(toHex(id), entry)
    return entry
  }

  #changed(): void {
    if (!this.#closed) this.#events.onpeople([...this.#entries.values()])
  }
}

function write(peer: Peer, packet: Packet): void {
  peer.stream.write(JSON.stringify(packet))
}

/** What a peer sent, if it is something this page knows. */
function toPacket(data: Uint8Array): Packet | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(data)) as { [key: string]: unknown } | null
    if (value?.type === 'text' && typeof value.text === 'string')
      return { type: 'text', text: value.text.slice(0, MAX_TEXT) }
    if (value?.type === 'ping' || value?.type === 'pong') return { type: value.type }
    if (value?.type === 'name' && typeof value.name === 'string') return { type: 'name', name: value.name }
  } catch {
    // Not of this page.
  }
  return undefined
}
