import type { RoomSession, RoomSessionOptions } from './room-session.ts'

/** What a word in the toolbar does. */
export interface Words {
  start: string
  end: string
}

/** One try of an element: what it made, and how it is ended. */
export interface Run {
  session: RoomSession
  /** Resolves once it stands. */
  ready: Promise<unknown>
  end(): Promise<void>
}

/** What a subclass needs and gives, and what a page sees. Fires `statechange` with `{ state, reason }`. */
export interface MediaElement extends HTMLElement {
  /** `idle`, then as its session goes: `joining`, `joined`, or the states of a call; `ended`. */
  readonly state: string
  /** The session below, for its events and members; none while it is idle. */
  readonly session: RoomSession | undefined
  /** As the button does. Rejects with what went wrong, which is shown as well. */
  start(): Promise<void>
  /** Leaves, and shows the button again. */
  end(): Promise<void>
  /** Overridden: begins a try. */
  _begin(): Run
  /** What its attributes say. */
  _options(): Pick<RoomSessionOptions, 'token' | 'server' | 'name' | 'rootElement' | 'audio' | 'video'> & {
    token: string
  }
  /** Told by the session below; what is of an earlier one says nothing. */
  _tell(session: RoomSession, state: string, reason?: string): void
}

const STYLE = `
:host { display: flex; flex-direction: column; gap: var(--signal-gap, 8px); min-height: 200px;
  padding: var(--signal-gap, 8px); box-sizing: border-box; font-family: var(--signal-font, system-ui, sans-serif);
  color: var(--signal-color, #f4f4f5); background: var(--signal-background, #18181b);
  border-radius: var(--signal-radius, 12px) }
:host([hidden]) { display: none }
[part=stage] { flex: 1; min-height: 0 }
[part~=tile] { border-radius: var(--signal-radius, 12px); overflow: hidden; background: var(--signal-tile, #27272a) }
[part~=tile][data-speaking] { outline: 2px solid var(--signal-accent, #60a5fa) }
[part=name] { position: absolute; left: 8px; bottom: 8px; padding: 2px 8px; border-radius: 8px; font-size: 14px;
  background: rgb(0 0 0 / 60%) }
[part=toolbar] { display: flex; flex-wrap: wrap; gap: var(--signal-gap, 8px); align-items: center; justify-content: center }
[part=status] { flex-basis: 100%; text-align: center; font-size: 14px; min-height: 1.4em }
button { font: inherit; padding: 8px 16px; border: 0; border-radius: var(--signal-radius, 12px); cursor: pointer;
  color: inherit; background: var(--signal-button, #3f3f46) }
button[aria-pressed=true] { background: var(--signal-warning, #b91c1c) }
button[part~=start] { color: var(--signal-accent-color, #0b1220); background: var(--signal-accent, #60a5fa) }
button:focus-visible { outline: 3px solid var(--signal-accent, #60a5fa); outline-offset: 2px }
button[hidden] { display: none }
`

/**
 * What the two elements share: a stage, a toolbar and a line that says how it stands. Made by a call, since where there is no
 * page there is no HTMLElement that a class could extend.
 */
export function createMediaElement(words: Words): new () => MediaElement {
  return class extends HTMLElement implements MediaElement {
    readonly #stage: HTMLElement
    readonly #status: HTMLElement
    readonly #buttons: { [name in 'start' | 'audio' | 'video' | 'end']: HTMLButtonElement }
    #run: Run | undefined
    #state = 'idle'
    #sending = { audio: true, video: true }

    constructor() {
      super()
      const root = this.attachShadow({ mode: 'open' })
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(STYLE)
      root.adoptedStyleSheets = [sheet]
      this.#stage = make('div', { part: 'stage' })
      const toolbar = make('div', { part: 'toolbar', role: 'toolbar', 'aria-label': 'Call' })
      this.#status = make('div', { part: 'status', role: 'status' })
      this.#buttons = {
        start: button(words.start, 'start', () => this.start().catch(() => {})), // Shown.
        audio: button('Mute', 'audio', () => this.#toggle('audio')),
        video: button('Camera off', 'video', () => this.#toggle('video')),
        end: button(words.end, 'end', () => this.end())
      }
      toolbar.append(...Object.values(this.#buttons), this.#status)
      root.append(this.#stage, toolbar)
      this.#show('idle')
    }

    get state(): string {
      return this.#state
    }

    get session(): RoomSession | undefined {
      return this.#run?.session
    }

    connectedCallback(): void {
      if (this.hasAttribute('autostart')) this.start().catch(() => {}) // Shown.
    }

    /** Moved within the page it goes on. */
    disconnectedCallback(): void {
      queueMicrotask(() => {
        if (!this.isConnected) void this.end()
      })
    }

    async start(): Promise<void> {
      if (this.#run) return
      let run: Run | undefined
      try {
        run = this._begin()
        this.#run = run
        this.#sending = { audio: this.#wants('audio'), video: this.#wants('video') }
        await run.ready
      } catch (error) {
        // Not where it was ended meanwhile, or has told so already.
        if (this.#run === run && this.#state !== 'ended') this.#show('ended', Object(error).message)
        if (this.#run === run) this.#run = undefined
        throw error
      }
    }

    async end(): Promise<void> {
      const run = this.#run
      this.#run = undefined
      await run?.end()
      if (run) this.#show('idle')
    }

    _begin(): Run {
      throw new TypeError('an element begins something')
    }

    _options(): ReturnType<MediaElement['_options']> {
      const rootElement = this.#stage
      const text = (name: string) => this.getAttribute(name) ?? undefined
      const [token, server, name] = [text('token'), text('server'), text('name')]
      if (!token) throw new TypeError('give the attribute token')
      return {
        token,
        rootElement,
        ...(server !== undefined && { server }),
        ...(name !== undefined && { name }),
        audio: this.#wants('audio'),
        video: this.#wants('video')
      }
    }

    _tell(session: RoomSession, state: string, reason?: string): void {
      if (this.#run && this.#run.session !== session) return
      this.#show(state, reason)
      if (state === 'ended') this.#run = undefined
    }

    #wants(kind: 'audio' | 'video'): boolean {
      return this.getAttribute(kind) !== 'off'
    }

    async #toggle(kind: 'audio' | 'video'): Promise<void> {
      const on = !this.#sending[kind]
      await this.session?.setSending({ [kind]: on })
      this.#sending[kind] = on
      this.#show(this.#state)
    }

    #show(state: string, reason?: string): void {
      const { start, audio, video, end } = this.#buttons
      const changed = state !== this.#state
      const hadFocus = [start, audio, video, end].find(each => each === this.shadowRoot?.activeElement)
      this.#state = state
      const off = state === 'idle' || state === 'ended'
      start.hidden = !off
      end.hidden = off
      const there = state === 'joined' || state === 'active' || state === 'ringing'
      for (const [kind, each] of [['audio', audio] as const, ['video', video] as const]) {
        each.hidden = !there || !this.#wants(kind)
        each.setAttribute('aria-pressed', String(!this.#sending[kind]))
      }
      this.#status.textContent = state === 'idle' ? '' : reason ? `${state}: ${reason}` : state
      // A button that goes must not take the keyboard's place with it.
      if (hadFocus?.hidden) (off ? start : end).focus()
      if (changed)
        this.dispatchEvent(new CustomEvent('statechange', { detail: { state, ...(reason && { reason }) } }))
    }
  }
}

function make(tag: string, attributes: { [name: string]: string }): HTMLElement {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}

function button(label: string, part: string, run: () => unknown): HTMLButtonElement {
  const element = make('button', { part: `button ${part}`, type: 'button' }) as HTMLButtonElement
  element.textContent = label
  element.addEventListener('click', run)
  return element
}
