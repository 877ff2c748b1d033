import { STYLE } from './media-style.ts'
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

/** `<signal-room>` or `<signal-call>`, as a page sees it. Fires `statechange`, a `CustomEvent` whose `detail` is `{ state, reason }`. */
export interface MediaElement extends HTMLElement {
  /** `idle`, then as its session goes: `joining`, `joined`, or the states of a call; `ended`. */
  readonly state: string
  /** The session below, for its events and members; none while it is idle. */
  readonly session: RoomSession | undefined
  /** As the button does. Rejects with what went wrong, which is shown as well. */
  start(): Promise<void>
  /** Leaves, and shows the button again. */
  end(): Promise<void>
}

/** What a subclass needs and gives. */
interface Base extends MediaElement {
  /** Overridden: begins a try. */
  _begin(): Run
  /** What its attributes say. */
  _options(): Pick<RoomSessionOptions, 'token' | 'server' | 'name' | 'rootElement' | 'audio' | 'video'> & {
    token: string
  }
  /** Told by the session below; what is of an earlier one says nothing. */
  _tell(session: RoomSession, state: string, reason?: string): void
}

/** What is shown, and spoken, for a state and for why it has come about. What is not here stands as it is. */
const WORDS: { readonly [state: string]: string } = {
  idle: '',
  joining: 'Joining…',
  joined: 'Joined',
  calling: 'Calling…',
  ringing: 'Ringing…',
  active: 'Call active',
  ended: 'Ended',
  left: '',
  hangup: '',
  remote: 'the others have left',
  no_answer: 'nobody answered',
  kicked: 'you were removed',
  token_expired: 'your access has ended'
}

/**
 * What the two elements share: a stage, a toolbar and a line that says how it stands. Made by a call, since where there is no
 * page there is no HTMLElement that a class could extend.
 */
export function createMediaElement(words: Words): new () => Base {
  return class extends HTMLElement implements Base {
    readonly #stage: HTMLElement
    readonly #status: HTMLElement
    readonly #buttons: { [name in 'start' | 'audio' | 'video' | 'end']: HTMLButtonElement }
    #run: Run | undefined
    /** The latest try, also when it has ended by itself. */
    #last: Run | undefined
    #state = 'idle'
    #sending = { audio: true, video: true }

    constructor() {
      super()
      const root = this.attachShadow({ mode: 'open' })
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(STYLE)
      root.adoptedStyleSheets = [sheet]
      this.#stage = make('div', { part: 'stage' })
      const toolbar = make('div', { part: 'toolbar', role: 'group', 'aria-label': 'Controls' })
      this.#status = make('div', { part: 'status', role: 'status' })
      this.#buttons = {
        start: button(words.start, 'start', () => this.start()),
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
        if (!this.isConnected) this.end().catch(() => {}) // It has ended all the same.
      })
    }

    async start(): Promise<void> {
      if (this.#run) return
      let run: Run | undefined
      try {
        run = this._begin()
        this.#run = this.#last = run
        this.#sending = { audio: this.#wants('audio'), video: this.#wants('video') }
        await run.ready
      } catch (error) {
        const { code, message } = Object(error)
        // Not where it was ended meanwhile; and a call that has ended in order has said why.
        if (this.#last === run && code !== 'REJECTED') this.#show('ended', code ?? message, message)
        if (this.#run === run) this.#run = undefined
        throw error
      }
    }

    async end(): Promise<void> {
      const run = this.#run
      this.#run = this.#last = undefined
      await run?.end()
      // It may have been started again meanwhile.
      if (run && !this.#run) this.#show('idle')
    }

    _begin(): Run {
      throw new TypeError('an element begins something')
    }

    _options(): ReturnType<Base['_options']> {
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
      this.#buttons[kind].setAttribute('aria-pressed', String(!on))
    }

    #show(state: string, reason?: string, why = WORDS[reason ?? ''] ?? reason): void {
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
      this.#status.textContent = [WORDS[state] ?? state, why].filter(Boolean).join(': ')
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

function button(label: string, part: string, run: () => Promise<void>): HTMLButtonElement {
  const element = make('button', { part: `button ${part}`, type: 'button' }) as HTMLButtonElement
  element.textContent = label
  element.addEventListener('click', () => run().catch(() => {})) // Shown, or still as it was.
  return element
}
