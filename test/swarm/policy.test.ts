import { degree, full, type LinkView, type View } from 'socket-signal-swarm'
import { seededRandom } from 'socket-signal-testing'
import { test } from '../tools/test.ts'

const VIEWS = 10_000

test('policy: degree(k) over 10,000 views changes nothing it is given, repeats itself, and stays within k', async t => {
  for (let seed = 1; seed <= VIEWS; seed++) {
    const { view, k } = viewOf(seed)
    const before = JSON.stringify(view, plain)
    const { policy } = degree(k)
    const { dial, hangUp } = policy({ ...view, random: seededRandom(seed) })
    const again = policy({ ...view, random: seededRandom(seed) })
    const { links, dialing, known } = view
    const ids = links.map(({ id }) => id)
    const left = ids.filter(id => !hangUp.includes(id)).length
    const wrong = [
      before !== JSON.stringify(view, plain) && 'it changed what it was given',
      JSON.stringify([dial, hangUp]) !== JSON.stringify([again.dial, again.hangUp]) && 'not the same twice',
      new Set(dial).size !== dial.length && 'somebody is dialed twice',
      dial.some(id => !known.includes(id)) && 'it dials whom nobody knows',
      hangUp.some(id => ![...ids, ...dialing].includes(id)) && 'it parts from nobody',
      dial.length > 0 && ids.length + dialing.length + dial.length > k && 'it dials too many',
      ids.length + dialing.length < k && known.length > 0 && dial.length === 0 && 'it dials nobody',
      ids.length > k + 1 && left !== ids.length - 1 && 'of those too many not one goes',
      ids.length <= k && left !== ids.length && 'it parts from one of too few',
      left < Math.min(ids.length, k) && 'it has too few then'
    ].filter(Boolean)
    if (wrong.length > 0) t.fail(`seed ${seed}: ${wrong}`)
  }
  t.pass(`over ${VIEWS} views`)
})

test('policy: degree(k) lets in who needs a place, wherever somebody can spare one', async t => {
  let [let_, refused] = [0, 0]
  for (let seed = 1; seed <= VIEWS; seed++) {
    const { view, k } = viewOf(seed, { comer: true })
    const comer = view.links.find(({ comer }) => comer) as LinkView
    const { hangUp } = degree(k).policy({ ...view, random: seededRandom(seed) })
    const others = view.links.filter(link => link !== comer)
    const canSpare = others.some(link => link.degree > k)
    const expected = others.length <= k || (comer.needy === true && canSpare)
    if (!hangUp.includes(comer.id) !== expected)
      t.fail(`seed ${seed}: ${expected ? 'refused' : 'let in'} with ${others.length} of ${k}`)
    if (expected) let_++
    else refused++
    const parted = others.find(({ id }) => hangUp.includes(id))
    if (parted && parted.degree <= k) t.fail(`seed ${seed}: who has none to spare lost one`)
  }
  t.ok(let_ > 500 && refused > 500, `${let_} let in, ${refused} refused`)
})

test('policy: full dials all that it may, the best first, and parts from nobody', async t => {
  for (let seed = 1; seed <= VIEWS; seed++) {
    const { view } = viewOf(seed)
    const { dial, hangUp } = full().policy({ ...view, random: Math.random })
    if (dial.join() !== view.known.join() || hangUp.length > 0) t.fail(`seed ${seed}`)
  }
  t.pass(`over ${VIEWS} views`)
})

test('policy: of two that have one link too many only one ends it', async t => {
  let ended = 0
  for (let seed = 1; seed <= VIEWS; seed++) {
    const random = seededRandom(seed)
    const k = 2 + Math.floor(random() * 4)
    const common = Array.from({ length: k }, (_, at) => `c${at}`)
    const side = (id: string): LinkView => ({ id, degree: k + 1, near: new Set(common) })
    const rest = (of: string) =>
      common.map(id => ({ id, degree: Math.floor(random() * (k + 1)), near: new Set([of]) }))
    const hangUps = [
      ['a', 'b'],
      ['b', 'a']
    ].map(([self, other]) => {
      const links = [side(other as string), ...rest(other as string)]
      const view = { self: self as string, links, dialing: [], known: [], random }
      return degree(k)
        .policy(view)
        .hangUp.includes(other as string)
    })
    if (hangUps.filter(Boolean).length > 1) t.fail(`seed ${seed}: both end it`)
    ended += hangUps.filter(Boolean).length
  }
  t.equal(ended, VIEWS, 'one of the two each time')
})

/** What a peer may see: any number of links, near each other or not, of any degree. */
function viewOf(seed: number, { comer = false } = {}): { view: Omit<View, 'random'>; k: number } {
  const random = seededRandom(seed)
  const k = 2 + Math.floor(random() * 6)
  const count = Math.floor(random() * (k + 4))
  const ids = Array.from({ length: 40 }, (_, at) => `${Math.floor(random() * 1e9)}-${at}`)
  const take = (length: number) => ids.splice(0, length)
  const own = take(count)
  const links: LinkView[] = own.map(id => ({
    id,
    degree: Math.floor(random() * (k + 3)),
    near: new Set(own.filter(() => random() < 0.3))
  }))
  if (comer)
    links.push({ id: take(1)[0] as string, degree: 0, near: new Set(), comer, needy: random() < 0.5 })
  const dialing = take(Math.floor(random() * 3))
  return {
    view: { self: `${Math.floor(random() * 1e9)}`, links, dialing, known: take(Math.floor(random() * 9)) },
    k
  }
}

function plain(_: string, value: unknown): unknown {
  return value instanceof Set ? [...value] : value
}
