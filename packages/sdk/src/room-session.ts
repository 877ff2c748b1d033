import { Emitter, SignalError, type SocketSignalClient, type TokenSource, topicFromName } from 'socket-signal'
import { createRoom, type Message, openDevices, type Room, type State, type Stream } from 'socket-signal-room'
import { Access, type AccessOptions } from './access.ts'
import { isSame, type Member, membersOf } from './members.ts'
import { type Layout, Tiles } from './tiles.ts'

/** Which room, what is sent, and where it is shown. */
export interface RoomSessionOptions extends AccessOptions {
  /** Below it a `video` for each stream is placed, and removed. Default: none are made, for apps that draw by themselves. */
  rootElement?: HTMLElement | null
  /** The room's name. Default: the one that the token names. */
  room?: string | undefined
  /** The microphone: `false` for none, or what it should be like. Default: `true`. */
  audio?: boolean | MediaTrackConstraints
  /** The camera: `false` for none, or what it should be like. Default: `true`. */
  video?: boolean | MediaTrackConstraints
  /** Sent in place of devices. It stays yours: its tracks are not stopped. */
  localStream?: MediaStream
}

/** What a session tells. */
export interface RoomSessionEvents {
  /** As `join()` resolves. */
  'room.joined': [result: JoinResult]
  /** It is over: `left`, `kicked`, `token_expired`, or the code of an error. */
  'room.left': [event: { reason: string }]
  /** Everything that changes, as the room's state. */
  'state.changed': [state: State]
  /** Somebody else has come; who was there before is in the result of `join()`. */
  'member.joined': [event: { member: Member }]
  /** Its muting, talking, name or presence has changed. */
  'member.updated': [event: { member: Member }]
  /** Somebody began or ended to talk. */
  'member.talking': [event: { member: Member }]
  /** As it was last. */
  'member.left': [event: { member: Member }]
  /** Signed by its sender. `direct`: it was for some, not for all. */
  'message.received': [event: { memberId: string; message: Message; direct: boolean }]
  /** Pictures below the root element have come, gone or moved. */
  'layout.changed': [layout: Layout]
  /** A stream of somebody could not be had: TIMEOUT, for instance, whose `cause` says why. */
  'stream.failed': [event: { memberId: string; error: unknown }]
}

/** What there is when one has joined. */
export interface JoinResult {
  /** The room's name. */
  room: string
  /** Ours: 64 hexadecimal digits. */
  memberId: string
  /** Everybody who is there, the local member too. */
  members: Member[]
}

/** The key of the stream that is made of our devices. */
const OWN = 'self'

/**
 * A place in a video room: sends camera and microphone, subscribes to everybody, and shows it. For a room's token or a
 * subscriber's.
 *
 *     const session = new Video.RoomSession({ token, rootElement: document.getElementById('videos') })
 *     session.on('member.joined', ({ member }) => console.log(member.name))
 *     const { members } = await session.join()
 */
export class RoomSession extends Emitter<RoomSessionEvents> {
  readonly #options: RoomSessionOptions
  readonly #access: Access
  #joining: Promise<JoinResult> | undefined
  /** Of the join that there is: whatever it waits for must not go on once it was left. */
  #ending: AbortController | undefined
  #room: Room | undefined
  #isJoined = false
  #client: SocketSignalClient | undefined
  #topic: Uint8Array = new Uint8Array(32)
  #tiles: Tiles | undefined
  #media: MediaStream | undefined
  #members = new Map<string, Member>()
  readonly #subscribed = new Set<string>()

  /** Throws a `TypeError` without a token, credentials or an open client. */
  constructor(options: RoomSessionOptions) {
    super()
    this.#options = options
    this.#access = new Access(options, ['video', 'subscriber'], 'Video')
  }

  /**
   * Opens the devices, joins and publishes. Called again it gives the same, until `leave()`. Rejects with TOKEN_INVALID for
   * a token of another namespace, FORBIDDEN for another room, NO_CAMERA, NO_MICROPHONE, PERMISSION_DENIED and what else
   * `openDevices` fails with, NOT_CONNECTED when it was left meanwhile; nothing is left of it then.
   */
  join(): Promise<JoinResult> {
    if (!this.#joining) {
      const ending = new AbortController()
      this.#ending = ending
      this.#joining = this.#join(ending.signal).catch(async error => {
        const { aborted, reason } = ending.signal
        await this.#end(ending)
        // What was closed below says so in its own words.
        throw aborted && error?.code === 'CLOSED' ? reason : error
      })
    }
    return this.#joining
  }

  /** May be called twice, and at any time: also while `join()` is on its way, which then rejects. */
  leave(): Promise<void> {
    return this.#end(this.#ending, 'left')
  }

  /** Everybody who is there, the local member too. */
  get members(): Member[] {
    return [...this.#members.values()]
  }

  /** The room below, for all that it can do; none while this is not joined. */
  get room(): Room | undefined {
    return this.#room
  }

  /**
   * Sends of our own devices what is `true`, and not what is `false`; what is absent stays. It asks for no permission.
   * Devices stay open, so that it is quick.
   */
  async setSending({ audio, video }: { audio?: boolean; video?: boolean }): Promise<void> {
    const [sound, picture] = tracksOf(this.#media)
    await this.#joined().updateStream(OWN, {
      ...(audio !== undefined && { audio: audio ? sound : null }),
      ...(video !== undefined && { video: video ? picture : null })
    })
  }

  /**
   * Takes somebody's sound away from everybody, ours by default. The server does it, for tokens with the permission
   * `room.self.audio_mute`, or `room.member.audio_mute` for others. Rejects with FORBIDDEN.
   */
  audioMute(of: { memberId?: string } = {}): Promise<void> {
    return this.#moderate('audio_mute', of)
  }

  /** Takes `audioMute` back, by `room.self.audio_unmute` or `room.member.audio_unmute`. Rejects with FORBIDDEN. */
  audioUnmute(of: { memberId?: string } = {}): Promise<void> {
    return this.#moderate('audio_unmute', of)
  }

  /** As `audioMute`, for pictures: `room.self.video_mute` or `room.member.video_mute`. Rejects with FORBIDDEN. */
  videoMute(of: { memberId?: string } = {}): Promise<void> {
    return this.#moderate('video_mute', of)
  }

  /** Takes `videoMute` back, by `room.self.video_unmute` or `room.member.video_unmute`. Rejects with FORBIDDEN. */
  videoUnmute(of: { memberId?: string } = {}): Promise<void> {
    return this.#moderate('video_unmute', of)
  }

  /** For a token with `room.member.remove`. */
  removeMember({ memberId }: { memberId: string }): Promise<void> {
    return this.#moderate('remove', { memberId })
  }

  /** To everybody, or to some. */
  async sendMessage(text: string, to?: readonly string[]): Promise<void> {
    await this.#joined().sendMessage({ type: 'text', payload: text }, to)
  }

  /** A new token in place of the last one, on the open socket and for the next `join()`. Rejects with TOKEN_INVALID. */
  async updateToken(token: string): Promise<void> {
    await this.#access.replace(token, async () => {
      await this.#joining?.catch(() => {}) // Told by `join()`.
      await this.#room?.updateClientToken(token)
    })
  }

  async #join(signal: AbortSignal): Promise<JoinResult> {
    const { room: asked, rootElement } = this.#options
    const claims = await this.#access.claims()
    const name = asked ?? claims.names[0]
    if (name === undefined) throw new TypeError('the token names no room: give the option room')
    this.#topic = await topicFromName(name)
    signal.throwIfAborted()
    const media = await this.#openMedia()
    if (signal.aborted) stop(media, this.#options)
    signal.throwIfAborted()
    this.#media = media
    const { token } = this.#access
    const room = createRoom({
      room: this.#topic,
      client: this.#access.owns ? ({ token }) => this.#createClient(token) : this.#createClient(),
      ...(claims.name !== undefined && { name: claims.name }),
      ...(typeof token === 'string' ? { clientToken: token } : token && { credentials: token })
    })
    this.#room = room
    if (rootElement) this.#tiles = new Tiles(rootElement, layout => this.emit('layout.changed', layout))
    this.#follow(room, signal)
    await room.connect()
    signal.throwIfAborted()
    const [audio, video] = tracksOf(media)
    if (audio || video) await room.addStream(OWN, { audio, video })
    signal.throwIfAborted()
    for (const stream of Object.values(room.getState().streams)) this.#subscribe(room, stream)
    const result = { room: name, memberId: room.getState().localParticipantId, members: this.members }
    this.#isJoined = true
    this.emit('room.joined', result)
    return result
  }

  #createClient(token?: string | TokenSource): SocketSignalClient {
    this.#client = this.#access.client(token)
    return this.#client
  }

  async #openMedia(): Promise<MediaStream | undefined> {
    const { localStream, audio = true, video = true } = this.#options
    if (localStream) return localStream
    return audio || video ? openDevices({ audio, video }) : undefined
  }

  /** The room's events as ours, until the session is left. */
  #follow(room: Room, signal: AbortSignal): void {
    const stops = [
      room.on('state_changed', state => this.#show(state)),
      room.on('participant_joined', id => this.#tell('member.joined', id)),
      room.on('participant_left', id => {
        const member = this.#members.get(id)
        if (this.#members.delete(id) && member) this.emit('member.left', { member })
      }),
      room.on('stream_published', (participantId, key, { streams }) => {
        const stream = Object.values(streams).find(
          each => each.participantId === participantId && each.key === key
        )
        if (stream && room.getState().status === 'connected') this.#subscribe(room, stream)
      }),
      room.on('stream_unpublished', (participantId, key) =>
        this.#subscribed.delete(`${participantId}/${key}`)
      ),
      room.on('audio_activity', (id, key) => key === null && this.#tell('member.talking', id)),
      room.on('message_received', (memberId, message, recipients) =>
        this.emit('message.received', { memberId, message, direct: recipients !== null })
      ),
      room.on(
        'disconnected',
        ({ disconnectReason = 'left' }) => void this.#end(this.#ending, disconnectReason)
      )
    ]
    signal.addEventListener('abort', () => {
      for (const stop of stops) stop()
    })
  }

  /** Who leaves is told by `participant_left`, and known until then. */
  #show(state: State): void {
    const members = membersOf(state)
    const before = this.#members
    this.#members = new Map([...before, ...members])
    for (const member of members.values()) {
      const known = before.get(member.id)
      if (known && !isSame(known, member)) this.emit('member.updated', { member })
    }
    const name = (id: string) => state.participants[id]?.name ?? id.slice(0, 8)
    const shown = Object.values(state.streams).filter(
      ({ audioTrack, videoTrack }) => audioTrack ?? videoTrack
    )
    this.#tiles?.show(shown.map(stream => ({ stream, name: name(stream.participantId) })))
    this.emit('state.changed', state)
  }

  #tell(event: 'member.joined' | 'member.talking', id: string): void {
    const member = this.#members.get(id)
    if (member) this.emit(event, { member })
  }

  #subscribe(room: Room, { id, origin, participantId, key }: Stream): void {
    if (origin === 'local' || this.#subscribed.has(id)) return
    this.#subscribed.add(id)
    room.addSubscription(participantId, key, { audio: true, video: true }).catch(error => {
      // The stream may have gone, or we.
      if (this.#room === room && error?.code !== 'SUBSCRIPTION_ENDED')
        this.emit('stream.failed', { memberId: participantId, error })
    })
  }

  async #moderate(deed: string, { memberId }: { memberId?: string }): Promise<void> {
    const { localParticipantId } = this.#joined().getState()
    const id = memberId ?? localParticipantId
    if (!/^[0-9a-f]{64}$/.test(id)) throw new TypeError('memberId must be the 64 hex digits of an id')
    const method = `room.${id === localParticipantId ? 'self' : 'member'}.${deed}`
    await this.#client?.moderate(this.#topic, bytesOf(id), { method })
  }

  #joined(): Room {
    if (this.#room) return this.#room
    throw left()
  }

  /** Ends the join that this belongs to, if it has not ended. */
  async #end(ending: AbortController | undefined, reason?: string): Promise<void> {
    if (!ending || this.#ending !== ending) return
    const room = this.#room
    const wasJoined = this.#isJoined
    this.#isJoined = false
    this.#ending = this.#joining = this.#room = this.#client = undefined
    ending.abort(left())
    stop(this.#media, this.#options)
    this.#media = undefined
    this.#tiles?.end()
    this.#tiles = undefined
    this.#members.clear()
    this.#subscribed.clear()
    await room?.disconnect()
    if (reason !== undefined && wasJoined) this.emit('room.left', { reason })
  }
}

/** What was opened is closed; what was given is not ours. */
function stop(media: MediaStream | undefined, { localStream }: RoomSessionOptions): void {
  if (media !== localStream) for (const track of media?.getTracks() ?? []) track.stop()
}

function left(): SignalError {
  return new SignalError('NOT_CONNECTED', 'the room was left')
}

function tracksOf(media: MediaStream | undefined): (MediaStreamTrack | undefined)[] {
  return [media?.getAudioTracks()[0], media?.getVideoTracks()[0]]
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
}
