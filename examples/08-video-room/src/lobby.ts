import { openDevices } from 'socket-signal-room'
import { byId, icon } from './dom.ts'

/** What somebody brings into the call. */
export interface Guest {
  name: string
  room: string
  token: string
  audio: MediaStreamTrack | undefined
  video: MediaStreamTrack | undefined
  /** Which devices were chosen, also of what is off. */
  wanted: { audio: MediaTrackConstraints; video: MediaTrackConstraints }
}

/** What is wrong with a device. */
export const DEVICE_WORDS: { [code: string]: string } = {
  NO_CAMERA: 'There is no camera.',
  NO_MICROPHONE: 'There is no microphone.',
  NO_DEVICE: 'There is no such device.',
  PERMISSION_DENIED: 'The browser may not use it. Allow it beside the address, and choose it again.',
  DEVICE_IN_USE: 'Something else is using it.',
  UNSUPPORTED: 'This page has no devices: open it over https.'
}

const LISTS = { audio: 'microphones', video: 'cameras' } as const

/** Name, room and devices, before anybody sees anything. */
export class Lobby {
  readonly #tracks: { audio?: MediaStreamTrack | undefined; video?: MediaStreamTrack | undefined } = {}
  readonly #onenter: (guest: Guest) => void
  /** What is wrong: with the room that was left, with a device. */
  readonly #problems = { room: '', audio: '', video: '' }
  #opening: Promise<void> = Promise.resolve()

  constructor(onenter: (guest: Guest) => void) {
    this.#onenter = onenter
    byId('lobby-mic').prepend(icon('mic'))
    byId('lobby-cam').prepend(icon('cam'))
    byId('lobby-mic').addEventListener('click', () => this.#toggle('audio'))
    byId('lobby-cam').addEventListener('click', () => this.#toggle('video'))
    byId('cameras').addEventListener('change', () => this.#opens(() => this.#open('video')))
    byId('microphones').addEventListener('change', () => this.#opens(() => this.#open('audio')))
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#list())
    // Another link in the same tab.
    addEventListener('hashchange', () => (byId<HTMLInputElement>('room-name').value = nameOfPlace()))
    byId('join').addEventListener('submit', event => {
      event.preventDefault()
      void this.#enter()
    })
  }

  async show(problem = ''): Promise<void> {
    byId('lobby').hidden = false
    byId('call').hidden = true
    byId<HTMLInputElement>('name').value ||= recall()
    byId<HTMLInputElement>('room-name').value ||= nameOfPlace()
    byId(byId<HTMLInputElement>('name').value ? 'enter' : 'name').focus()
    this.#problems.room = problem
    this.#show()
    await this.#opens(async () => {
      await this.#open('audio')
      await this.#open('video')
      await this.#list()
    })
  }

  /** One after the other, so that who enters brings what was asked for last. */
  #opens(open: () => Promise<void>): Promise<void> {
    this.#opening = this.#opening.then(open)
    return this.#opening
  }

  async #enter(): Promise<void> {
    const button = byId<HTMLButtonElement>('enter')
    if (button.disabled) return
    const inputs = ['name', 'room-name', 'token'].map(id => byId<HTMLInputElement>(id))
    // Blanks are no name.
    for (const input of inputs) input.value = input.value.trim()
    if (!byId<HTMLFormElement>('join').reportValidity()) return
    button.disabled = true
    // Until nothing more is asked for.
    for (let opening: unknown; opening !== this.#opening; await opening) opening = this.#opening
    button.disabled = false
    const [name = '', room = '', token = ''] = inputs.map(({ value }) => value)
    remember(name)
    location.hash = encodeURIComponent(room)
    byId<HTMLVideoElement>('preview').srcObject = null
    byId('lobby').hidden = true
    const { audio, video } = this.#tracks
    const wanted = { audio: this.#wanted('audio'), video: this.#wanted('video') }
    this.#onenter({ name, room, token, audio, video, wanted })
    this.#tracks.audio = this.#tracks.video = undefined
  }

  async #toggle(kind: 'audio' | 'video'): Promise<void> {
    if (!this.#tracks[kind]) return this.#opens(() => this.#open(kind))
    this.#tracks[kind]?.stop()
    this.#tracks[kind] = undefined
    this.#show()
  }

  async #open(kind: 'audio' | 'video'): Promise<void> {
    this.#tracks[kind]?.stop()
    this.#tracks[kind] = undefined
    try {
      const stream = await openDevices({ [kind]: this.#wanted(kind) })
      this.#tracks[kind] = stream.getTracks()[0]
      this.#problems[kind] = ''
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      this.#problems[kind] =
        `${kind === 'video' ? 'Camera' : 'Microphone'}: ${DEVICE_WORDS[code ?? ''] ?? message}`
    }
    this.#show()
  }

  #wanted(kind: 'audio' | 'video'): MediaTrackConstraints {
    const { value } = byId<HTMLSelectElement>(LISTS[kind])
    const size = kind === 'video' ? { width: { ideal: 1280 }, height: { ideal: 720 } } : {}
    return { ...size, ...(value && { deviceId: { exact: value } }) }
  }

  async #list(): Promise<void> {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? []
    for (const kind of ['video', 'audio'] as const) {
      const found = devices.filter(device => device.kind === `${kind}input`)
      const list = byId<HTMLSelectElement>(LISTS[kind])
      const chosen = this.#tracks[kind]?.getSettings().deviceId ?? list.value
      list.replaceChildren(
        ...found.map(({ label, deviceId }, at) => new Option(label || `${at + 1}`, deviceId))
      )
      if (found.length === 0) list.append(new Option('None', ''))
      if (found.some(({ deviceId }) => deviceId === chosen)) list.value = chosen
      list.disabled = found.length === 0
    }
  }

  #show(): void {
    const { audio, video } = this.#tracks
    byId<HTMLVideoElement>('preview').srcObject = video ? new MediaStream([video]) : null
    byId('preview-note').hidden = video !== undefined
    byId('lobby-mic').ariaPressed = String(audio !== undefined)
    byId('lobby-cam').ariaPressed = String(video !== undefined)
    const words = Object.values(this.#problems).filter(problem => problem !== '')
    byId('lobby-problem').hidden = words.length === 0
    byId('lobby-problem').textContent = words.join(' ')
  }
}

/** The name that was used before. A browser that is to keep nothing throws. */
function recall(): string {
  try {
    return localStorage.getItem('room-name') ?? ''
  } catch {
    return ''
  }
}

function remember(name: string): void {
  try {
    localStorage.setItem('room-name', name)
  } catch {} // As above: asked for again the next time.
}

/** The room is kept behind the #, so that a link can be shared and the server's log never holds it. */
function nameOfPlace(): string {
  try {
    return decodeURIComponent(location.hash.slice(1))
  } catch {
    return ''
  }
}
