import type { Kind, Participant, State, Stream } from 'socket-signal-room'
import { button, byId, el, faceOf } from './dom.ts'

export interface PanelEvents {
  /** Rejects when nobody has got it. */
  onsay(text: string): Promise<void>
  onkick(id: string): void
  oncensor(id: string, kind: Kind, on: boolean): void
}

const NAMES = ['chat', 'people'] as const
type Name = (typeof NAMES)[number]

/** Messages that are kept: whoever floods the chat must not fill the page. */
const LINES = 500

/** Chat and people, beside the pictures or above them. */
export class Panel {
  readonly #events: PanelEvents
  #unread = 0
  #drawn = ''

  constructor(events: PanelEvents) {
    this.#events = events
    byId('tab-chat').addEventListener('click', () => this.open('chat'))
    byId('tab-people').addEventListener('click', () => this.open('people'))
    byId('panel-close').addEventListener('click', () => this.close())
    for (const name of NAMES) {
      byId(`tab-${name}`).addEventListener('keydown', ({ key }) => {
        if (key !== 'ArrowLeft' && key !== 'ArrowRight') return
        const [other = name] = NAMES.filter(each => each !== name)
        this.open(other)
        byId(`tab-${other}`).focus()
      })
    }
    byId('composer').addEventListener('submit', event => {
      event.preventDefault()
      const input = byId<HTMLInputElement>('message')
      const text = input.value.trim()
      input.value = ''
      // What did not go may go later.
      if (text) events.onsay(text).catch(() => (input.value ||= text))
    })
  }

  toggle(what: Name): void {
    if (!byId('panel').hidden && !byId(what).hidden) this.close()
    else this.open(what)
  }

  open(what: Name): void {
    byId('panel').hidden = false
    for (const name of NAMES) {
      byId(name).hidden = name !== what
      byId(`tab-${name}`).ariaSelected = String(name === what)
      byId(`tab-${name}`).tabIndex = name === what ? 0 : -1
      byId(`open-${name}`).ariaPressed = String(name === what)
    }
    if (what === 'people') return byId('tab-people').focus()
    this.#count(0)
    byId('message').focus()
  }

  close(): void {
    // A field that is hidden would keep the keys.
    if (byId('panel').contains(document.activeElement))
      byId(byId('chat').hidden ? 'open-people' : 'open-chat').focus()
    byId('panel').hidden = true
    for (const name of NAMES) byId(`open-${name}`).ariaPressed = 'false'
  }

  clear(): void {
    this.#drawn = ''
    this.close()
    this.#count(0)
    byId('log').replaceChildren(byId('silent'))
    byId('silent').hidden = false
  }

  says(name: string, text: string, own: boolean): void {
    byId('silent').hidden = true
    const line = el('li', own ? 'own' : '', el('span', 'author', own ? 'You' : name), el('p', '', text))
    byId('log').append(line)
    if (byId('log').childElementCount > LINES) byId('silent').nextElementSibling?.remove()
    line.scrollIntoView({ block: 'nearest' })
    if (!own && (byId('panel').hidden || byId('chat').hidden)) this.#count(this.#unread + 1)
  }

  show({ participants, streams }: State, mayModerate: boolean): void {
    const list = Object.values(participants).map(person => ({
      person,
      stream: streams[person.streams.self ?? '']
    }))
    // Drawn anew only when it looks different, and a menu that is open stays so.
    const looks = JSON.stringify(
      list.map(({ person: { id, name, isAway }, stream }) => [
        ...[id, name, isAway],
        ...[stream?.isAudioCensored, stream?.isVideoCensored]
      ])
    )
    if (looks === this.#drawn) return
    this.#drawn = looks
    const open = byId('people').querySelector<HTMLElement>('details[open]')?.dataset.id
    const focused = document.activeElement?.closest<HTMLElement>('#people details')?.dataset.id
    const rows = list.map(({ person, stream }) => this.#row(person, stream, mayModerate))
    byId('people').replaceChildren(...rows)
    const menuOf = (id = '') => byId('people').querySelector<HTMLDetailsElement>(`details[data-id="${id}"]`)
    const menu = menuOf(open)
    if (menu) menu.open = true
    if (focused) menuOf(focused)?.querySelector('summary')?.focus()
  }

  /** What a moderator may do stands below the name. */
  #row(person: Participant, stream: Stream | undefined, mayModerate: boolean): HTMLElement {
    const name = person.name ?? person.id.slice(0, 6)
    const own = person.origin === 'local'
    const line = [faceOf(person.id, name), el('span', 'who', `${name}${own ? ' (you)' : ''}`)]
    if (person.isAway) line.push(el('span', 'soft', 'reconnecting'))
    if (own || !mayModerate) return el('li', '', el('div', 'row', ...line))
    const { audio, video } = { audio: stream?.isAudioCensored, video: stream?.isVideoCensored }
    const dots = el('span', 'more', '⋯')
    dots.ariaHidden = 'true'
    const summary = el('summary', 'row', ...line, el('span', 'visually-hidden', 'moderate'), dots)
    const tools = el('details', 'menu', summary)
    tools.dataset.id = person.id
    const choice = (label: string, act: () => void) =>
      button(label, () => {
        tools.open = false
        summary.focus()
        act()
      })
    tools.append(
      choice(audio ? 'Give the microphone back' : 'Mute for everybody', () =>
        this.#events.oncensor(person.id, 'audio', !audio)
      ),
      choice(video ? 'Show again' : 'Hide for everybody', () =>
        this.#events.oncensor(person.id, 'video', !video)
      ),
      choice('Remove from the room', () => this.#events.onkick(person.id))
    )
    return el('li', '', tools)
  }

  #count(unread: number): void {
    this.#unread = unread
    byId('unread').hidden = unread === 0
    byId('unread').textContent = unread > 9 ? '9+' : String(unread)
  }
}
