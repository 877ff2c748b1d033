/** The element of this id in index.html. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`index.html has no #${id}`)
  return found as T
}

/** A new element. Text is only ever text: what others write can't become markup. */
export function el(tag: string, className = '', ...content: (string | Node)[]): HTMLElement {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...content)
  return element
}

export function button(label: string, onclick: () => void): HTMLElement {
  const element = el('button', '', label) as HTMLButtonElement
  element.type = 'button'
  element.addEventListener('click', onclick)
  return element
}
