import { type SocketSignalClient, toHex, type Unsubscribe } from 'socket-signal'
import type { AccessOptions } from './access.ts'
import { type ChannelEvents, Channels } from './channels.ts'

/** Somebody in a channel, as it says. */
export interface ChatMember {
  /** 64 hexadecimal digits. */
  id: string
  /** Up to 256 characters; absent where it says none. */
  name?: string
  /** Any JSON: see `setMemberState`. */
  state?: unknown
  /** Until it says otherwise, which it does by itself after 10 s. */
  isTyping: boolean
}

/** What a `Chat.Client` tells: of channels, and of who is in them. */
export interface ChatEvents extends ChannelEvents {
  /** Somebody else has come; who was there before is in `getMembers`. */
  'member.joined': [event: { channel: string; member: ChatMember }]
  /** Somebody began or ended to type, or has another state. */
  'member.updated': [event: { channel: string; member: ChatMember }]
  /** With what it said of itself last. */
  'member.left': [event: { channel: string; member: ChatMember }]
}

/** How long somebody types who does not say so again. Unit: ms. */
const TYPING = 10_000
const MAX_MEMBERS = 10_000
const MAX_NAME = 256

/** What we and others say of themselves in one channel. */
interface Channel {
  members: Map<string, ChatMember>
  /** Whether it is subscribed, so that who comes has come now. */
  ready: boolean
  state?: unknown
  typing?: ReturnType<typeof setTimeout> | undefined
}

/**
 * Channels whose members know each other, for a chat token or a subscriber's.
 *
 *     const chat = new Chat.Client({ token })
 *     chat.on('message.received', ({ channel, memberId, content }) => console.log(channel, memberId, content))
 *     await chat.subscribe('office')
 *     await chat.publish({ channel: 'office', content: 'Hello' })
 */
export class ChatClient extends Channels<ChatEvents> {
  readonly #channels = new Map<string, Channel>()

  /** Throws a `TypeError` without a token or credentials. */
  constructor(options: AccessOptions) {
    super(options, 'chat', 'Chat')
  }

  /** Who else is in a channel now. Rejects with NOT_JOINED. */
  async getMembers(channel: string): Promise<{ members: ChatMember[] }> {
    await this._of(channel)
    return { members: [...(this.#channels.get(channel)?.members.values() ?? [])] }
  }

  /** Any JSON for the others to know of us in a channel; with the name 1,000 bytes at most. */
  async setMemberState(channel: string, state: unknown): Promise<void> {
    await this._of(channel)
    const own = this.#channels.get(channel)
    if (!own) return
    const before = own.state
    own.state = state
    await this.#say(channel).catch(error => {
      if (own.state === state) own.state = before // What does not fit must not stand in the way of what follows.
      throw error
    })
  }

  /** Tells the others that we type: for 10 s, unless it is said again, or `false`. */
  async setTyping(channel: string, on = true): Promise<void> {
    await this._of(channel)
    const own = this.#channels.get(channel)
    if (!own) return
    const changed = on !== (own.typing !== undefined)
    this.#types(channel, own, on)
    if (!changed) return
    await this.#say(channel).catch(error => {
      // What was not said is tried again: nobody is to be seen typing for ever.
      if (on === (own.typing !== undefined) && this.#channels.get(channel) === own)
        this.#types(channel, own, !on)
      throw error
    })
  }

  #types(channel: string, own: Channel, on: boolean): void {
    clearTimeout(own.typing)
    own.typing = on ? setTimeout(() => this.setTyping(channel, false).catch(() => {}), TYPING) : undefined
  }

  protected override async _join(client: SocketSignalClient, topic: Uint8Array, name: string): Promise<void> {
    const channel: Channel = { members: new Map(), ready: false }
    this.#channels.set(name, channel)
    await client.join(topic, { watch: true, info: this.#info(channel) })
    channel.ready = true
  }

  protected override _left(channel: string): void {
    clearTimeout(this.#channels.get(channel)?.typing)
    this.#channels.delete(channel)
  }

  protected override _listen(
    client: SocketSignalClient,
    channelOf: (event: { topic: Uint8Array }) => string | undefined
  ): Unsubscribe[] {
    const seen = (event: { topic: Uint8Array; id: Uint8Array; info?: unknown }) => {
      const name = channelOf(event) ?? ''
      const channel = this.#channels.get(name)
      if (!channel) return
      const member = readMember(toHex(event.id), event.info)
      const known = channel.members.has(member.id)
      if (!known && channel.members.size >= MAX_MEMBERS) return
      channel.members.set(member.id, member)
      if (channel.ready) this.emit(known ? 'member.updated' : 'member.joined', { channel: name, member })
    }
    return [
      client.on('peer-joined', seen),
      client.on('peer-updated', seen),
      client.on('peer-left', event => {
        const name = channelOf(event) ?? ''
        const members = this.#channels.get(name)?.members
        const member = members?.get(toHex(event.id))
        if (member && members?.delete(member.id)) this.emit('member.left', { channel: name, member })
      })
    ]
  }

  async #say(name: string): Promise<void> {
    const { client, topic } = await this._of(name)
    const channel = this.#channels.get(name)
    if (channel) await client.join(topic, { watch: true, info: this.#info(channel) })
  }

  /** A few letters, because it has to fit. */
  #info({ state, typing }: Channel): object {
    return {
      ...(this._name && { n: this._name }),
      ...(state !== undefined && { s: state }),
      ...(typing && { t: 1 })
    }
  }
}

/** Others may say anything. */
function readMember(id: string, info: unknown): ChatMember {
  const { n, s, t } = Object(info)
  return Object.freeze({
    id,
    ...(typeof n === 'string' && n.length > 0 && n.length <= MAX_NAME && { name: n }),
    ...(s !== undefined && { state: s }),
    isTyping: t === 1
  })
}
