import { button, byId, el } from './dom.ts'
import { details, formatTime, reason } from './explained.ts'
import { hueOf, initials, shortId } from './names.ts'
import type { Person } from './room.ts'

export interface PeopleOptions {
  onretry(id: Uint8Array): void
  onrename(name: string): void
}

interface Row {
  element: HTMLElement
  shown: string
}

/** The list of who is here: you first, then the others by name. Rows that did not change are left alone. */
export class People {
  readonly #list = byId('people')
  readonly #count = byId('count')
  readonly #alone = byId('alone')
  readonly #options: PeopleOptions
  readonly #rows = new Map<string, Row>()

  constructor(options: PeopleOptions) {
    this.#options = options
  }

  show(you: { id: Uint8Array; name: string }, others: readonly Person[]): void {
    const sorted = [...others].sort((a, b) => a.name.localeCompare(b.name) || compare(a, b))
    const rows = [this.#you(you), ...sorted.map(person => this.#other(person))]
    rows.forEach((row, at) => {
      if (this.#list.children[at] !== row) this.#list.insertBefore(row, this.#list.children[at] ?? null)
    })
    while (this.#list.children.length > rows.length) this.#list.lastElementChild?.remove()
    this.#forget(rows)
    this.#count.textContent = String(rows.length)
    this.#alone.hidden = others.length > 0
  }

  clear(): void {
    this.#rows.clear()
    this.#list.replaceChildren()
    this.#count.textContent = ''
    this.#alone.hidden = true
  }

  #you({ id, name }: { id: Uint8Array; name: string }): HTMLElement {
    return this.#row(id, `you ${name}`, () => {
      const rename = button('Rename', () => rename.replaceWith(this.#renameForm(name, rename)))
      rename.className = 'quiet'
      return row(id, name, 'you', el('span', 'state', 'This is you'), rename)
    })
  }

  #other(person: Person): HTMLElement {
    const { id, name, state, took, error, explanation } = person
    return this.#row(id, `${name} ${state} ${took} ${error} ${JSON.stringify(explanation)}`, () => {
      const words = el('span', `state ${state}`, describe(person))
      const more = explanation ? [details(explanation)] : []
      if (state !== 'failed') return row(id, name, state, words, ...more)
      const why = explanation ? reason(explanation) : el('p', 'why', error ?? '')
      const again = button('Try again', () => this.#options.onretry(id))
      again.className = 'quiet'
      again.setAttribute('aria-label', `Try again to connect to ${name}`)
      return row(id, name, state, words, again, why, ...more)
    })
  }

  #row(id: Uint8Array, shown: string, make: () => HTMLElement): HTMLElement {
    const key = shortId(id)
    const known = this.#rows.get(key)
    if (known?.shown === shown) return known.element
    const element = make()
    known?.element.replaceWith(element)
    this.#rows.set(key, { element, shown })
    return element
  }

  #forget(rows: HTMLElement[]): void {
    for (const [key, { element }] of this.#rows) if (!rows.includes(element)) this.#rows.delete(key)
  }

  #renameForm(name: string, opener: HTMLElement): HTMLElement {
    const input = el('input') as HTMLInputElement
    input.value = name
    input.maxLength = 40
    input.required = true
    input.setAttribute('aria-label', 'Your name')
    const save = el('button', 'quiet', 'Save')
    const form = el('form', 'rename', input, save)
    form.addEventListener('submit', event => {
      event.preventDefault()
      form.replaceWith(opener)
      opener.focus()
      if (input.value.trim()) this.#options.onrename(input.value.trim())
    })
    form.addEventListener('keydown', event => {
      if (event.key !== 'Escape') return
      form.replaceWith(opener)
      opener.focus()
    })
    queueMicrotask(() => input.select())
    return form
  }
}

/** A round mark in the colour of an id. */
export function avatar(id: Uint8Array, name: string): HTMLElement {
  const mark = el('span', 'avatar', initials(name))
  mark.setAttribute('aria-hidden', 'true')
  mark.style.setProperty('--hue', String(hueOf(id)))
  return mark
}

function row(id: Uint8Array, name: string, kind: string, ...rest: HTMLElement[]): HTMLElement {
  const [words, ...actions] = rest
  const about = el('div', 'about', el('code', 'id', shortId(id)), words as HTMLElement)
  const item = el('li', `person ${kind}`, avatar(id, name), el('div', 'who', el('span', 'name', name), about))
  item.append(...actions)
  item.dataset.id = shortId(id)
  item.dataset.state = kind
  return item
}

function describe({ state, took = 0 }: Person): string {
  if (state === 'connected') return `Connected in ${formatTime(took)}`
  if (state === 'failed') return 'Not connected'
  return 'Connecting…'
}

function compare(a: Person, b: Person): number {
  return shortId(a.id) < shortId(b.id) ? -1 : 1
}
