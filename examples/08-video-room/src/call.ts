import { followPage } from 'socket-signal/browser'
import { createRoom, openDevices, openScreen, type Room, type State } from 'socket-signal-room'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { byId } from './dom.ts'
import type { Grid, Shown } from './grid.ts'
import { DEVICE_WORDS, type Guest } from './lobby.ts'
import type { Panel } from './panel.ts'
import { Sound } from './sound.ts'

/** Heights that are asked for: not another one with every pixel that a window grows. */
const HEIGHTS = [90, 180, 270, 360, 540, 720, 1080]

const WORDS: { [reason: string]: string } = {
  kicked: 'A moderator has removed you from the room.',
  token_expired: 'Your token has ended.',
  FORBIDDEN: 'Your token does not let you into this room.',
  AUTH_REQUIRED: 'This server asks for a token.',
  TOKEN_INVALID: 'The server does not take this token.',
  REPLACED: 'You have joined from another window.'
}

const PROBLEMS: { [code: string]: string } = { ...DEVICE_WORDS, FORBIDDEN: 'You may not do that here.' }

/** How long a problem is shown. Unit: ms. */
const SHOWN = 8000

/** One call: what we publish, what we subscribe to, and what is shown of it. */
export class Call {
  readonly #guest: Guest
  readonly #room: Room
  readonly #grid: Grid
  readonly #panel: Panel
  readonly #sound = new Sound()
  readonly #tracks: { audio: MediaStreamTrack | undefined; video: MediaStreamTrack | undefined }
  readonly #asked = new Map<string, number>()
  readonly #onend: (problem: string) => void
  #screen: MediaStreamTrack | undefined
  /** Devices are asked for one after the other: a key that is hit twice must not open two. */
  #changing: Promise<void> = Promise.resolve()
  #forgetting: ReturnType<typeof setTimeout> | undefined
  #unfollow = () => {}
  #ended = false

  constructor(guest: Guest, grid: Grid, panel: Panel, onend: (problem: string) => void) {
    this.#guest = guest
    this.#grid = grid
    this.#panel = panel
    this.#onend = onend
    this.#tracks = { audio: guest.audio, video: guest.video }
    const meta = document.querySelector<HTMLMetaElement>('meta[name="signal-path"]')
    const url = new URL(meta?.content ?? '..', location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    const isLocal = /^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname)
    this.#room = createRoom({
      client: options => {
        const client = new SocketSignalWebsocketClient(url.href, {
          ...options,
          ...(isLocal && { iceServers: [] })
        })
        this.#unfollow = followPage(client)
        return client
      },
      room: guest.room,
      name: guest.name,
      ...(guest.token && { clientToken: guest.token })
    })
  }

  start(): void {
    const room = this.#room
    byId('title').textContent = document.title = this.#guest.room
    room.on('state_changed', state => this.#show(state))
    room.on('disconnected', ({ disconnectReason = '' }) => this.#end(disconnectReason))
    room.on('message_received', (id, { payload }, _to, { participants }) =>
      this.#panel.says(participants[id]?.name ?? id.slice(0, 6), payload, false)
    )
    room.on('network_metrics_report', metrics => {
      this.#grid.rate(
        new Map(Object.entries(metrics).map(([id, { connectionQuality }]) => [id, connectionQuality]))
      )
    })
    // What fails there is told by its end, and what is hit meanwhile comes after it.
    this.#changing = room.connect().catch(() => {})
    this.#change(async () => {
      const { audio, video } = this.#tracks
      for (const kind of ['audio', 'video'] as const) this.#follow(kind)
      await room.addStream('self', { audio, video: { track: video, options: { enableSimulcast: true } } })
      this.#show(room.getState())
    })
  }

  leave(): Promise<void> {
    return this.#room.disconnect()
  }

  /** Rejects with what is shown: nobody has got it. */
  async say(payload: string): Promise<void> {
    const sent = this.#room.sendMessage({ type: 'text', payload })
    this.#try(sent)
    await sent
    this.#panel.says('', payload, true)
  }

  kick(id: string): void {
    this.#try(this.#room.kick(id))
  }

  /** All that somebody publishes: a screen that is shared as well. */
  censor(id: string, kind: 'audio' | 'video', on: boolean): void {
    const streams = [...this.#room.getParticipantStreams(id).values()].filter(stream => {
      const [enabled, censored] =
        kind === 'audio'
          ? [stream.isAudioEnabled, stream.isAudioCensored]
          : [stream.isVideoEnabled, stream.isVideoCensored]
      return on ? enabled && !censored : censored
    })
    const act = on ? this.#room.censor : this.#room.uncensor
    this.#try(Promise.all(streams.map(({ key }) => act(id, key, kind))))
  }

  /** Off gives the device back, so that its light goes out. */
  toggle(kind: 'audio' | 'video'): void {
    const change = async () => {
      const track = this.#tracks[kind]
      track?.stop()
      const wanted = { [kind]: this.#guest.wanted[kind] }
      const fresh = track ? undefined : (await openDevices(wanted)).getTracks()[0]
      if (this.#ended) return fresh?.stop()
      this.#tracks[kind] = fresh
      this.#follow(kind)
      // At once: so it is here, whatever becomes of telling the others.
      this.#show(this.#room.getState())
      await this.#room.updateStream('self', { [kind]: fresh ?? null })
    }
    this.#change(change)
  }

  /** A device that is pulled out is off. */
  #follow(kind: 'audio' | 'video'): void {
    const track = this.#tracks[kind]
    track?.addEventListener('ended', () => this.#tracks[kind] === track && this.toggle(kind))
  }

  share(): void {
    const change = async () => {
      if (this.#screen) {
        this.#screen.stop()
        this.#screen = undefined
        return this.#room.removeStream('screen')
      }
      const shared = await openScreen({ video: { frameRate: 15 } }).catch(error => {
        if (error.code !== 'PERMISSION_DENIED') throw error // Who chose none wants none.
      })
      const [video] = shared?.getVideoTracks() ?? []
      if (!video || this.#ended) return video?.stop()
      // The browser has a button of its own that ends it.
      video.addEventListener('ended', () => this.#screen === video && this.share())
      this.#screen = video
      try {
        await this.#room.addStream('screen', { video })
      } catch (error) {
        video.stop()
        this.#screen = undefined
        throw error
      }
    }
    this.#change(change)
  }

  #change(change: () => Promise<void>): void {
    const changed = this.#changing.then(() => (this.#ended ? undefined : change()))
    this.#changing = changed.catch(() => {})
    this.#try(changed)
  }

  /** What is on the page is subscribed, at the height at which it is shown; what is not, is not. */
  subscribe(shown: Shown[]): void {
    const { streams, status, localParticipantId } = this.#room.getState()
    if (status !== 'connected') return
    const wanted = new Map(shown.flatMap(({ id, stream }) => (stream ? [[stream.id, id]] : [])))
    for (const { id, participantId, key } of Object.values(streams)) {
      if (participantId === localParticipantId) continue
      const tile = wanted.get(id)
      const tall = this.#grid.heightOf(tile ?? '')
      const height = HEIGHTS.find(each => each >= tall) ?? 1080
      const before = this.#asked.get(id)
      // Who is on another page is heard all the same.
      const config = { audio: true, video: tile !== undefined, height }
      const now = tile === undefined ? 0 : height
      if (before === now) continue
      this.#asked.set(id, now)
      const asking =
        before === undefined
          ? this.#room.addSubscription(participantId, key, config)
          : this.#room.updateSubscription(participantId, key, config)
      asking.catch(() => {
        // Asked again with what happens next. Whose change failed is subscribed as before.
        if (this.#asked.get(id) !== now) return
        if (before === undefined) this.#asked.delete(id)
        else this.#asked.set(id, before)
      })
    }
    for (const id of this.#asked.keys()) if (!streams[id]) this.#asked.delete(id)
  }

  #show(state: State): void {
    if (this.#ended) return
    const { participants, status, isReconnecting, localParticipantId } = state
    const others = Object.keys(participants).filter(id => id !== localParticipantId)
    const alone = status === 'connected' && others.length === 0
    byId('status').textContent = wordsFor(state, others.length)
    byId('status').classList.toggle('waiting', isReconnecting)
    byId('copy').hidden = !alone || !navigator.clipboard
    byId('mic').ariaPressed = String(this.#tracks.audio !== undefined)
    byId('cam').ariaPressed = String(this.#tracks.video !== undefined)
    byId('screen').ariaPressed = String(this.#screen !== undefined)
    if (status === 'connected' && others.length > 0)
      void this.#room.enableNetworkMetricsReport(others).catch(() => {})
    this.#panel.show(state, this.#mayModerate)
    this.#grid.show(state)
    this.#sound.show(state)
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#unfollow()
    this.#sound.show(this.#room.getState())
    clearTimeout(this.#forgetting)
    byId('problem').hidden = true
    document.title = 'Room'
    for (const track of [...Object.values(this.#tracks), this.#screen]) track?.stop()
    this.#onend(reason === 'left' ? '' : (WORDS[reason] ?? `The room has ended: ${reason}`))
  }

  #try(work: Promise<unknown>): void {
    const problem = byId('problem')
    problem.hidden = true
    clearTimeout(this.#forgetting)
    work.catch(error => {
      if (this.#ended) return
      problem.hidden = false
      problem.textContent = PROBLEMS[error.code] ?? error.message
      this.#forgetting = setTimeout(() => (problem.hidden = true), SHOWN)
    })
  }

  /** What the token says; the server asks it again. */
  get #mayModerate(): boolean {
    try {
      const [, claims = ''] = this.#guest.token.split('.')
      return JSON.parse(atob(claims.replace(/-/g, '+').replace(/_/g, '/'))).can.includes('moderate')
    } catch {
      return false
    }
  }
}

function wordsFor({ status, isReconnecting }: State, others: number): string {
  if (isReconnecting) return 'Reconnecting to the server…'
  if (status === 'disconnecting') return 'Leaving…'
  if (status !== 'connected') return 'Joining…'
  return others === 0 ? 'Nobody else is here yet: send the link' : `${others + 1} here`
}
