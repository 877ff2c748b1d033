import { byId, el } from './dom.ts'
import { hueOf } from './names.ts'
import { avatar } from './people.ts'

interface Author {
  id: Uint8Array
  name: string
}

const MAX_LINES = 500
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

/** The messages, and where you write yours. */
export class Chat {
  readonly #log = byId('log')
  readonly #silent = byId('silent')
  readonly #form = byId<HTMLFormElement>('composer')
  readonly #input = byId<HTMLTextAreaElement>('message')
  #lastAuthor = ''

  /** `onsend` gives how many the text reached. */
  constructor(you: () => Author, onsend: (text: string) => number) {
    this.#form.addEventListener('submit', event => {
      event.preventDefault()
      const text = this.#input.value.trim()
      this.#input.focus()
      if (!text) return
      this.#input.value = ''
      this.#fit()
      this.message(you(), text, { own: true, reached: onsend(text) })
    })
    this.#input.addEventListener('keydown', event => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      this.#form.requestSubmit()
    })
    this.#input.addEventListener('input', () => this.#fit())
  }

  focus(): void {
    this.#input.focus()
  }

  message(author: Author, text: string, { own = false, reached = 1 } = {}): void {
    const key = `${own}${author.id}${author.name}`
    const line = el('article', own ? 'message own' : 'message')
    if (key === this.#lastAuthor) line.classList.add('follows')
    const name = el('span', 'author', own ? 'You' : author.name)
    name.style.setProperty('--hue', String(hueOf(author.id)))
    const time = el('time', '', CLOCK.format(new Date()))
    const bubble = el('div', 'bubble', el('div', 'byline', name, time), el('p', 'text', text))
    if (own && reached === 0) bubble.append(el('p', 'unread', 'Nobody was connected to read this.'))
    line.append(...(own ? [] : [avatar(author.id, author.name)]), bubble)
    this.#append(line)
    this.#lastAuthor = key
  }

  news(text: string): void {
    this.#append(el('p', 'news', text))
    this.#lastAuthor = ''
  }

  clear(): void {
    this.#lastAuthor = ''
    this.#log.replaceChildren(this.#silent)
    this.#silent.hidden = false
  }

  #append(line: HTMLElement): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#log
    const atEnd = scrollHeight - scrollTop - clientHeight < 80
    if (!line.classList.contains('news')) this.#silent.hidden = true
    this.#log.append(line)
    while (this.#log.children.length > MAX_LINES) this.#log.children[1]?.remove()
    if (atEnd || line.classList.contains('own')) this.#log.scrollTop = this.#log.scrollHeight
  }

  /** As high as what is written, up to what the style sheet allows. */
  #fit(): void {
    this.#input.style.height = 'auto'
    this.#input.style.height = `${this.#input.scrollHeight + 2}px`
  }
}
