/** The element of this id in index.html. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`index.html has no #${id}`)
  return found as T
}

/** A new element. Text is only ever text: what others write can't become markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  ...content: (string | Node)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...content)
  return element
}

export function button(label: string, onclick: () => unknown): HTMLButtonElement {
  const element = el('button', '', label)
  element.type = 'button'
  element.addEventListener('click', onclick)
  return element
}

const ICONS = {
  mic: 'M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM6 11a6 6 0 0 0 12 0M12 17v4',
  cam: 'M3 7h11v10H3zM14 11l6-3.5v9L14 13',
  screen: 'M3 5h18v11H3zM8 20h8M12 16v4M12 13V8.5M9.8 10.5 12 8.3l2.2 2.2',
  chat: 'M4 5h16v11H10l-4 4v-4H4z',
  people:
    'M9 11a3.2 3.2 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400ZM3 19c0-3.300 2.700-5.500 6-5.500s6 2.200 6 5.500M16 5a3.200 3.200 0 0 1 0 6M17.500 13.800c2 .7 3.500 2.500 3.500 5.200',
  leave: 'M4 15c0-3 3.500-5 8-5s8 2 8 5v2l-4-.8V13.500a12 12 0 0 0-8 0v2.700L4 17z'
} as const

export type Icon = keyof typeof ICONS

const SVG = 'http://www.w3.org/2000/svg'

/** A drawing in front of words; crossed out where these say so. */
export function icon(name: Icon): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  svg.classList.add('icon')
  const paths = [ICONS[name], 'M4 4 20 20'].map((d, at) => {
    const path = document.createElementNS(SVG, 'path')
    path.setAttribute('d', d)
    if (at === 1) path.classList.add('stroke')
    return path
  })
  svg.append(...paths)
  return svg
}

/** Two letters and a colour for who has no picture. */
export function faceOf(id: string, name: string): HTMLElement {
  const letters = name
    .split(/\s+/)
    .flatMap(word => [...word].slice(0, 1))
    .slice(0, 2)
  const face = el('span', 'face', letters.join('').toUpperCase() || '?')
  face.style.setProperty('--hue', String(Number.parseInt(id.slice(0, 4), 16) % 360))
  return face
}
