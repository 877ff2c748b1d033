import { type AuthorizeRequest, toHex, topicFromName } from 'socket-signal'
import type { Grant } from './grant.ts'

/** What is asked: an action about a topic, told by its 32 bytes or, where the server knows it, by its name. */
export type Question = Pick<AuthorizeRequest, 'action' | 'remoteId' | 'data'> & {
  /** Who asks: 32 bytes. Needed for methods `room.self.…`, which hold for oneself alone. */
  id?: Uint8Array
  /** 32 bytes. */
  topic?: Uint8Array
  /** The topic's name, up to 256 characters; the only thing that a grant by `prefix` is held against. */
  name?: string
}

/** The right that an action needs. Leaving needs none. */
const NEEDS: { readonly [A in AuthorizeRequest['action']]?: string } = {
  join: 'join',
  lookup: 'lookup',
  watch: 'lookup',
  offer: 'offer',
  remoteConnect: 'offer',
  signal: 'signal',
  message: 'publish',
  history: 'history',
  moderate: 'moderate'
}

/** A grant that is ready to be asked: names are topics already, so that nothing waits. */
export class Rights {
  readonly grant: Grant
  readonly #can: ReadonlySet<string>
  readonly #topics: ReadonlySet<string>

  private constructor(grant: Grant, topics: string[]) {
    this.grant = grant
    this.#can = new Set(grant.can)
    this.#topics = new Set(topics)
  }

  static async of(grant: Grant): Promise<Rights> {
    const { topics = [] } = grant
    const keys = (topics === '*' ? [] : topics).map(async each => {
      if ('name' in each) return toHex(await topicFromName(each.name))
      return 'topic' in each ? each.topic : ''
    })
    return new Rights(grant, await Promise.all(keys))
  }

  may(question: Question): boolean {
    const { action } = question
    const right = NEEDS[action]
    if (!right) return action === 'leave'
    if (!this.#reaches(question)) return false
    const method = action === 'moderate' ? methodOf(question.data) : undefined
    if (method === undefined) return this.#can.has(right)
    // What one may do to oneself is nothing that one may do to others.
    return this.#can.has(method) && (!method.startsWith('room.self.') || isSelf(question))
  }

  #reaches({ topic, name }: Question): boolean {
    const { topics = [] } = this.grant
    if (topics === '*') return true
    if (topic && this.#topics.has(toHex(topic))) return true
    const fits = (each: object) =>
      'prefix' in each ? name?.startsWith(String(each.prefix)) : 'name' in each && each.name === name
    return name !== undefined && topics.some(fits)
  }
}

/** What a moderate request calls: `{ method: 'room.self.audio_mute' }`, for instance. */
function methodOf(data: unknown): string | undefined {
  const { method } = Object(data)
  return method === undefined ? undefined : String(method)
}

function isSelf({ id, remoteId }: Question): boolean {
  return id !== undefined && remoteId !== undefined && toHex(remoteId) === toHex(id)
}
