const CENTER = { x: 50, y: 35 }
const RADIUS = 28

/** Draws peers on a circle and a line for each connection, with its path. Gives how many there are of both. */
export function draw(svg, self, told) {
  const links = new Map()
  for (const [from, { links: list }] of told) {
    for (const { to, path } of list) {
      if (to !== from) links.set([from, to].sort().join(), { from, to, path })
    }
  }
  const names = [...new Set([self, ...told.keys(), ...[...links.values()].map(({ to }) => to)])].sort()
  const place = name => {
    const angle = (2 * Math.PI * names.indexOf(name)) / names.length
    return { x: CENTER.x + RADIUS * Math.cos(angle), y: CENTER.y + RADIUS * Math.sin(angle) }
  }
  const ways = [...links.values()].map(({ from, to, path }) => {
    const [a, b] = [place(from), place(to)]
    const kind = path === 'relay' ? 'relay' : 'direct'
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, class: 'path' }
    return {
      line: make('line', { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: kind }),
      label: make('text', middle, kind)
    }
  })
  // No line crosses a word.
  svg.replaceChildren(
    ...ways.map(({ line }) => line),
    ...ways.map(({ label }) => label),
    ...names.flatMap(name => {
      const { x, y } = place(name)
      return [
        make('circle', { cx: x, cy: y, r: 6, class: name === self ? 'self' : '' }),
        make('text', { x, y }, name)
      ]
    })
  )
  return { peers: names.length, links: links.size }
}

function make(tag, attributes, text = '') {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.textContent = text
  return element
}
