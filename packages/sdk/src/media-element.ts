import type { CredentialProvider } from 'socket-signal-token/credentials'
import { STYLE } from './media-style.ts'
import type { RoomSession, RoomSessionOptions } from './room-session.ts'

/**
 * What is shown, and spoken, by what it stands for: `start`, `audio`, `video` and `end`, the buttons; `controls`, what
 * screen readers call these together; states, the reasons of `ended`, and codes of errors. What is not there stands as it is.
 */
export type Words = { readonly [what: string]: string }

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
  /** Gets tokens, and new ones before they end, in place of the attribute `token`. Read when it starts. */
  credentials: CredentialProvider | undefined
  /** All words. What is set stands in place of the English ones, which stay where there is none; at once, and at any time. */
  words: Words
  /** As the button does; called again it waits for the same. Rejects with what went wrong, which is shown as well. */
  start(): Promise<void>
  /** Leaves, and shows the button again. */
  end(): Promise<void>
}

/** What a subclass needs and gives. */
interface Base extends MediaElement {
  /** Overridden: begins a try. */
  _begin(): Run
  /** What its attributes say, and where its tokens come from. */
  _options(): Pick<
    RoomSessionOptions,
    'token' | 'credentials' | 'server' | 'name' | 'rootElement' | 'audio' | 'video'
  >
  /** Told by the session below; what is of an earlier one says nothing. */
  _tell(session: RoomSession, state: string, reason?: string): void
}

/** Errors say what they are by themselves, but for those of a connection that rooms have a reason for. */
const ENGLISH: Words = {
  controls: 'Controls',
  audio: 'Mute',
  video: 'Camera off',
  idle: '',
  joining: 'Joining…',
  joined: 'Joined',
  calling: 'Calling…',
  ringing: 'Ringing…',
  active: 'Call active',
  reconnecting: 'connecting again…',
  ended: 'Ended',
  left: '',
  hangup: '',
  remote: 'the others have left',
  no_answer: 'nobody answered',
  kicked: 'you were removed',
  KICKED: 'you were removed',
  token_expired: 'your access has ended',
  TOKEN_EXPIRED: 'your access has ended'
}

/**
 * What the two elements share: a stage, a toolbar and a line that says how it stands. Made by a call, since where there is no
 * page there is no HTMLElement that a class could extend.
 */
export function createMediaElement(own: Words): new () => Base {
  return class extends HTMLElement implements Base {
    static readonly observedAttributes = ['token']
    readonly #stage: HTMLElement
    readonly #toolbar: HTMLElement
    readonly #status: HTMLElement
    readonly #buttons: { [name in 'start' | 'audio' | 'video' | 'end']: HTMLButtonElement }
    #run: Run | undefined
    /** The latest try, also when it has ended by itself. */
    #last: Run | undefined
    #state = 'idle'
    /** What is said beside the state. */
    #reason: string | undefined
    #message: string | undefined
    #isReconnecting = false
    #sending = { audio: true, video: true }
    #credentials: CredentialProvider | undefined
    /** Whether it is to start by itself, if it may: once each time that it comes into a page. */
    #waits = false
    #words: Words = { ...ENGLISH, ...own }

    constructor() {
      super()
      const root = this.attachShadow({ mode: 'open' })
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(STYLE)
      root.adoptedStyleSheets = [sheet]
      this.#stage = make('div', { part: 'stage' })
      // Whoever speaks the page's language is not to read English by its rules.
      this.#toolbar = make('div', { part: 'toolbar', role: 'group', lang: 'en' })
      this.#status = make('div', { part: 'status', role: 'status', dir: 'auto' })
      this.#buttons = {
        start: button('start', () => this.start()),
        audio: button('audio', () => this.#toggle('audio')),
        video: button('video', () => this.#toggle('video')),
        end: button('end', () => this.end())
      }
      this.#toolbar.append(...Object.values(this.#buttons), this.#status)
      root.append(this.#stage, this.#toolbar)
      this.#label()
      this.#show('idle')
    }

    get state(): string {
      return this.#state
    }

    get session(): RoomSession | undefined {
      return this.#run?.session
    }

    get credentials(): CredentialProvider | undefined {
      return this.#credentials
    }

    set credentials(credentials: CredentialProvider | undefined) {
      this.#credentials = credentials
      this.#autostart()
    }

    get words(): Words {
      return { ...this.#words }
    }

    set words(words: Words) {
      this.#words = { ...ENGLISH, ...own, ...words }
      this.#toolbar.removeAttribute('lang')
      this.#label()
    }

    connectedCallback(): void {
      this.#waits = true
      // Set by a page before it knew of elements, they would hide what is set from here on.
      for (const name of ['words', 'credentials']) {
        const early = Object.getOwnPropertyDescriptor(this, name)
        if (early && Reflect.deleteProperty(this, name)) Object.assign(this, { [name]: early.value })
      }
      this.#autostart()
    }

    attributeChangedCallback(): void {
      this.#autostart()
    }

    /** As soon as it is in a page and there is something to show to the server. */
    #autostart(): void {
      const isReady = this.isConnected && (this.#credentials || this.getAttribute('token'))
      if (this.#waits && isReady && this.hasAttribute('autostart')) this.start().catch(() => {}) // Shown.
    }

    /** Moved within the page it goes on. */
    disconnectedCallback(): void {
      queueMicrotask(() => {
        if (!this.isConnected) this.end().catch(() => {}) // It has ended all the same.
      })
    }

    async start(): Promise<void> {
      this.#waits = false
      if (this.#run) return void (await this.#run.ready)
      this.#last = undefined
      let run: Run | undefined
      try {
        run = this._begin()
        const mine = (this.#run = this.#last = run)
        run.session.on('state.changed', ({ isReconnecting }) => this.#reconnects(mine, isReconnecting))
        this.#sending = { audio: this.#wants('audio'), video: this.#wants('video') }
        await run.ready
      } catch (error) {
        const { code, message } = Object(error)
        const reason = typeof code === 'string' ? code : message
        // Not where it was ended meanwhile; and a call that has ended in order has said why.
        if (this.#last === run && code !== 'REJECTED') this.#show('ended', reason, message)
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
      const text = (name: string) => this.getAttribute(name) || undefined
      const token = text('token')
      const credentials = this.#credentials
      if (!credentials && !token) throw new TypeError('give the attribute token, or the property credentials')
      return {
        token,
        credentials,
        server: text('server'),
        name: text('name'),
        rootElement: this.#stage,
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

    #label(): void {
      for (const [what, each] of Object.entries(this.#buttons)) each.textContent = this.#word(what)
      this.#toolbar.setAttribute('aria-label', this.#word('controls'))
      this.#say()
    }

    /** Said when it begins and when it is over: what stands there already would be spoken again. */
    #reconnects(run: Run, isReconnecting: boolean): void {
      if (this.#run !== run || this.#isReconnecting === isReconnecting) return
      this.#isReconnecting = isReconnecting
      this.#say()
    }

    #say(): void {
      const why = this.#isReconnecting ? this.#word('reconnecting') : this.#word(this.#reason, this.#message)
      this.#status.textContent = [this.#word(this.#state), why].filter(Boolean).join(': ')
    }

    /** A server may give any code: `constructor` is none that is known. */
    #word(what = '', otherwise = what): string {
      return (Object.hasOwn(this.#words, what) ? this.#words[what] : undefined) ?? otherwise
    }

    #show(state: string, reason?: string, message?: string): void {
      const { start, audio, video, end } = this.#buttons
      const changed = state !== this.#state
      const hadFocus = [start, audio, video, end].find(each => each === this.shadowRoot?.activeElement)
      this.#state = state
      this.#reason = reason
      this.#message = message
      this.#isReconnecting = false
      const off = state === 'idle' || state === 'ended'
      start.hidden = !off
      end.hidden = off
      const there = state === 'joined' || state === 'active' || state === 'ringing'
      for (const [kind, each] of [['audio', audio] as const, ['video', video] as const]) {
        each.hidden = !there || !this.#wants(kind)
        each.setAttribute('aria-pressed', String(!this.#sending[kind]))
      }
      this.#say()
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

function button(part: string, run: () => Promise<void>): HTMLButtonElement {
  const element = make('button', { part: `button ${part}`, type: 'button' }) as HTMLButtonElement
  element.addEventListener('click', () => run().catch(() => {})) // Shown, or still as it was.
  return element
}
