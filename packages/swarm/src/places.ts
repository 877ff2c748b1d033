import { SignalError, type SocketSignalClient, toKey } from 'socket-signal'
import { fromKey } from 'socket-signal/wire'
import { MAX } from './bounds.ts'
import type { Mesh } from './mesh.ts'

export interface PlacesHost {
  readonly client: SocketSignalClient
  /** Whether the server tells of everybody in a topic. */
  readonly everybody: boolean
  create(topic: string): Mesh
  /** A topic was left; its mesh is closed. */
  onleave(topic: string): void
}

/** A topic that was joined, or is being joined. */
interface Place {
  /** Once the client is open. */
  mesh?: Mesh
  joined: Promise<void>
}

/** The topics of a swarm, with a mesh each. */
export class Places {
  readonly #host: PlacesHost
  readonly #places = new Map<string, Place>()
  /** Calls of `join` that are under way. */
  #joining = 0
  #waiting: (() => void)[] = []
  #closed = false

  constructor(host: PlacesHost) {
    this.#host = host
  }

  /** 32 bytes each. */
  get topics(): Uint8Array[] {
    return [...this.#places].flatMap(([key, { mesh }]) => (mesh ? [fromKey(key)] : []))
  }

  get meshes(): Mesh[] {
    return [...this.#places.values()].flatMap(({ mesh }) => mesh ?? [])
  }

  mesh(topic: string): Mesh | undefined {
    return this.#places.get(topic)?.mesh
  }

  /** Resolves when the server has answered, however often it is called. */
  async join(topic: Uint8Array): Promise<void> {
    const key = toKey(topic)
    const there = this.#places.get(key)
    if (this.#closed) throw closed()
    if (there) return there.joined
    if (this.#places.size >= MAX.topics) throw new SignalError('LIMIT_TOPICS', `${MAX.topics} topics at most`)
    const place: Place = { joined: Promise.resolve() }
    this.#places.set(key, place)
    this.#joining++
    place.joined = this.#join(key, place).finally(() => {
      this.#joining--
      this.look()
    })
    return place.joined
  }

  async leave(topic: Uint8Array): Promise<void> {
    if (this.forget(toKey(topic))) await this.#host.client.leave(topic)
  }

  /** Resolves when every mesh has settled. */
  async flush(): Promise<void> {
    while (!this.#settled) await new Promise<void>(resolve => void this.#waiting.push(resolve))
  }

  /** Something has changed that `flush` may wait for. */
  look(): void {
    if (!this.#settled) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Leaves them all, without telling the server. Gives which: 32 bytes each. */
  close(): Uint8Array[] {
    const { topics } = this
    this.#closed = true
    for (const key of [...this.#places.keys()]) this.forget(key)
    this.look()
    return topics
  }

  /** Without telling the server. Gives whether it may know of it. */
  forget(key: string): boolean {
    const place = this.#places.get(key)
    if (!place) return false
    this.#places.delete(key)
    place.mesh?.close()
    this.#host.onleave(key)
    this.look()
    return place.mesh !== undefined
  }

  async #join(key: string, place: Place): Promise<void> {
    const { client, create, everybody } = this.#host
    try {
      await client.open()
      if (this.#places.get(key) !== place) throw closed()
      place.mesh = create(key)
      await client.join(fromKey(key), everybody ? { watch: true } : { limit: MAX.near })
    } catch (error) {
      // It may have been left, and joined anew.
      if (this.#places.get(key) === place) this.forget(key)
      throw error
    }
  }

  get #settled(): boolean {
    return this.#closed || (this.#joining === 0 && this.meshes.every(({ settled }) => settled))
  }
}

function closed(): SignalError {
  return new SignalError('CLOSED', 'the topic was left, or the swarm is destroyed', { retryable: false })
}
