import { randomBytes } from 'node:crypto'
import { seededRandom as random } from 'socket-signal-testing'
import { toKey } from '../../packages/core/src/bytes.ts'
import { type Keyed, Topics } from '../../packages/core/src/topics.ts'
import { test } from '../tools/test.ts'

interface Numbered extends Keyed {
  number: number
}

/** A topic with `count` members, each with its number, which is its key too. */
function full(count: number): Topics<Numbered> {
  const topics = new Topics<Numbered>()
  for (let number = 0; number < count; number++) topics.set('t', { key: `${number}`, number })
  return topics
}

test('topics: 5,000 joins and leaves leave nothing', t => {
  const topics = new Topics<Numbered>()
  const next = random(7)
  const joined: [string, string][] = []
  for (let number = 0; number < 5000; number++) {
    const [topic, key] = [`t${Math.floor(next() * 300)}`, `m${Math.floor(next() * 300)}`]
    topics.set(topic, { key, number })
    joined.push([topic, key])
  }
  t.equal(topics.size, 300)
  joined.sort(() => next() - 0.5)
  for (const [topic, key] of joined) topics.delete(topic, key)
  t.equal(topics.size, 0, 'no topic')
  for (let i = 0; i < 300; i++) {
    if (topics.members(`t${i}`).length > 0) t.fail(`t${i} has a member`)
    if (topics.sample(`t${i}`, 10, '', next).length > 0) t.fail(`t${i} gives a member`)
  }
  t.end()
})

test('topics: they agree with a plain list, through 20,000 random changes', t => {
  const topics = new Topics<Numbered>()
  const plain = new Map<string, Map<string, number>>()
  const next = random(8)
  const pick = (count: number) => Math.floor(next() * count)
  let wrong = 0
  for (let number = 0; number < 20_000; number++) {
    const [topic, key] = [`t${pick(20)}`, `m${pick(40)}`]
    const members = plain.get(topic) ?? new Map<string, number>()
    if (next() < 0.5) {
      topics.set(topic, { key, number })
      plain.set(topic, members.set(key, number))
    } else {
      if (topics.delete(topic, key)?.number !== members.get(key)) wrong++
      members.delete(key)
      if (members.size === 0) plain.delete(topic)
    }
    if (topics.get(topic, key)?.number !== members.get(key)) wrong++
    if (topics.size !== plain.size) wrong++
    if (number % 500 > 0) continue
    for (const [name, expected] of plain) {
      const all = sorted(expected.values())
      if (sorted(numbers(topics.members(name))) !== all) wrong++
      if (sorted(numbers(topics.sample(name, 100, '', next))) !== all) wrong++
      if (topics.walk(name, 100, '', '').length !== expected.size) wrong++
    }
  }
  t.equal(wrong, 0)
  t.end()
})

test('topics: joining again replaces the member and adds none', t => {
  for (const more of [0, 50]) {
    const topics = full(3 + more)
    topics.set('t', { key: '1', number: 100 })
    t.same(numbers(topics.members('t')).slice(0, 3), [0, 100, 2])
    t.equal(topics.get('t', '1')?.number, 100)
    t.equal(topics.delete('t', '1')?.number, 100)
    t.equal(topics.delete('t', '1'), undefined, 'who left has left')
    t.equal(topics.delete('nowhere', '1'), undefined)
  }
  t.end()
})

test('topics: a sample has its size, no duplicates, and never who is left out', t => {
  const topics = full(50)
  const next = random(9)
  for (const limit of [0, 1, 2, 25, 48, 49, 50, 51, 1000, Number.POSITIVE_INFINITY]) {
    for (let i = 0; i < 20; i++) {
      const except = Math.floor(next() * 50)
      const found = numbers(topics.sample('t', limit, `${except}`, next))
      if (found.length !== Math.min(limit, 49)) t.fail(`${found.length} for a limit of ${limit}`)
      if (new Set(found).size !== found.length) t.fail(`duplicates for a limit of ${limit}`)
      if (found.includes(except)) t.fail(`the excepted one for a limit of ${limit}`)
    }
    t.equal(topics.sample('t', limit, 'nobody', next).length, Math.min(limit, 50), `limit ${limit}`)
  }
  t.deepEqual(full(1).sample('t', 10, '0', next), [], 'alone')
  t.deepEqual(topics.sample('nowhere', 10, '', next), [])
  t.end()
})

test('topics: each member is as likely as any other in a sample, also after departures', t => {
  const topics = full(30)
  for (let i = 0; i < 30; i += 3) topics.delete('t', `${i}`)
  const next = random(10)
  const counts = new Map<number, number>()
  const rounds = 20_000
  for (let i = 0; i < rounds; i++) {
    for (const { number } of topics.sample('t', 5, '1', next))
      counts.set(number, (counts.get(number) ?? 0) + 1)
  }
  t.equal(counts.size, 19, 'all but the excepted one')
  const expected = (rounds * 5) / 19
  // Chi square with 18 degrees of freedom: 42.3 is passed by one in a thousand, and the seed is fixed.
  const chi = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  t.ok(chi < 42.3, `chi square ${chi.toFixed(1)}`)
  t.end()
})

test('topics: a walk visits all in byte order, each once, whatever the size of its steps', t => {
  const topics = new Topics<Keyed & { id: Uint8Array }>()
  const ids = Array.from({ length: 257 }, () => randomBytes(32))
  for (const id of ids) topics.set('t', { key: toKey(id), id })
  const except = ids[3] as Uint8Array
  const expected = ids
    .filter(id => id !== except)
    .sort(Buffer.compare)
    .map(id => id.toString('hex'))
  for (const limit of [1, 7, 100, 256, 1000]) {
    const seen: string[] = []
    for (let after = toKey(new Uint8Array(32)); ; ) {
      const step = topics.walk('t', limit, after, toKey(except))
      if (step.length > limit) t.fail(`${step.length} at once`)
      if (step.length === 0) break
      seen.push(...step.map(({ id }) => Buffer.from(id).toString('hex')))
      after = step.at(-1)?.key ?? ''
    }
    t.deepEqual(seen, expected, `steps of ${limit}`)
  }
  t.end()
})

test('topics: a walk goes on where it was when the member it stood on has left, and sees who came', t => {
  const topics = new Topics<Keyed>()
  const walk = (topic: string, after: string) => topics.walk(topic, 2, after, '').map(({ key }) => key)
  for (const key of ['a', 'c', 'e']) topics.set('t', { key })
  t.same(walk('t', ''), ['a', 'c'])
  topics.delete('t', 'c')
  topics.set('t', { key: 'd' })
  t.same(walk('t', 'c'), ['d', 'e'])
  t.same(walk('t', 'e'), [])
  t.same(walk('nowhere', ''), [])
  t.end()
})

function numbers(members: readonly Numbered[]): number[] {
  return members.map(({ number }) => number)
}

function sorted(numbers: Iterable<number>): string {
  return [...numbers].sort((a, b) => a - b).join()
}
