import { randomBytes } from 'node:crypto'
import { seededRandom as random } from 'socket-signal-testing'
import { compare, toKey } from '../../packages/core/src/bytes.ts'
import { Topics } from '../../packages/core/src/topics.ts'
import { test } from '../tools/test.ts'

/** A topic with `count` members whose member is their number, and whose id too. */
function full(count: number): Topics<number> {
  const topics = new Topics<number>()
  for (let i = 0; i < count; i++) topics.set('t', `${i}`, i)
  return topics
}

test('topics: 5,000 joins and leaves leave nothing', t => {
  const topics = new Topics<number>()
  const next = random(7)
  const joined: [string, string][] = []
  for (let i = 0; i < 5000; i++) {
    const [topic, id] = [`t${Math.floor(next() * 300)}`, `m${Math.floor(next() * 300)}`]
    topics.set(topic, id, i)
    joined.push([topic, id])
  }
  t.equal(topics.size, 300)
  t.ok(topics.topics('m1').length > 1)
  joined.sort(() => next() - 0.5)
  for (const [topic, id] of joined) topics.delete(topic, id)
  t.equal(topics.size, 0, 'no topic')
  for (let i = 0; i < 300; i++) {
    if (topics.topics(`m${i}`).length > 0) t.fail(`m${i} is in a topic`)
    if ([...topics.members(`t${i}`)].length > 0) t.fail(`t${i} has a member`)
    if (topics.sample(`t${i}`, 10, '', next).length > 0) t.fail(`t${i} gives a member`)
  }
  t.end()
})

test('topics: both ways agree with a plain list, through 20,000 random changes', t => {
  const topics = new Topics<number>()
  const plain = new Map<string, Map<string, number>>()
  const next = random(8)
  const pick = (count: number) => Math.floor(next() * count)
  let wrong = 0
  for (let i = 0; i < 20_000; i++) {
    const [topic, id] = [`t${pick(20)}`, `m${pick(40)}`]
    const members = plain.get(topic) ?? new Map<string, number>()
    if (next() < 0.5) {
      topics.set(topic, id, i)
      plain.set(topic, members.set(id, i))
    } else {
      if (topics.delete(topic, id) !== members.get(id)) wrong++
      members.delete(id)
      if (members.size === 0) plain.delete(topic)
    }
    if (topics.get(topic, id) !== members.get(id)) wrong++
    if (topics.size !== plain.size) wrong++
    if (i % 500 > 0) continue
    for (const [name, expected] of plain) {
      if (sorted(topics.members(name)) !== sorted(expected.values())) wrong++
      if (sorted(topics.sample(name, 100, '', next)) !== sorted(expected.values())) wrong++
      if (topics.walk(name, 100, '', '').length !== expected.size) wrong++
    }
    const own = [...plain].filter(([, members]) => members.has(id)).map(([name]) => name)
    if (topics.topics(id).sort().join() !== own.sort().join()) wrong++
  }
  t.equal(wrong, 0)
  t.end()
})

test('topics: joining again replaces the member and adds none', t => {
  const topics = full(3)
  topics.set('t', '1', 100)
  t.deepEqual([...topics.members('t')], [0, 100, 2])
  t.equal(topics.get('t', '1'), 100)
  t.equal(topics.delete('t', '1'), 100)
  t.equal(topics.delete('t', '1'), undefined, 'who left has left')
  t.equal(topics.delete('nowhere', '1'), undefined)
  t.end()
})

test('topics: a sample has its size, no duplicates, and never who is left out', t => {
  const topics = full(50)
  const next = random(9)
  for (const limit of [0, 1, 2, 25, 48, 49, 50, 51, 1000, Number.POSITIVE_INFINITY]) {
    for (let i = 0; i < 20; i++) {
      const except = Math.floor(next() * 50)
      const found = topics.sample('t', limit, `${except}`, next)
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
    for (const member of topics.sample('t', 5, '1', next)) counts.set(member, (counts.get(member) ?? 0) + 1)
  }
  t.equal(counts.size, 19, 'all but the excepted one')
  const expected = (rounds * 5) / 19
  // Chi square with 18 degrees of freedom: 42.3 is passed by one in a thousand, and the seed is fixed.
  const chi = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  t.ok(chi < 42.3, `chi square ${chi.toFixed(1)}`)
  t.end()
})

test('topics: a walk visits all in byte order, each once, whatever the size of its steps', t => {
  const topics = new Topics<Uint8Array>()
  const ids = Array.from({ length: 257 }, () => randomBytes(32))
  for (const id of ids) topics.set('t', toKey(id), id)
  const except = ids[3] as Uint8Array
  const expected = ids
    .filter(id => id !== except)
    .sort(compare)
    .map(id => id.toString('hex'))
  for (const limit of [1, 7, 100, 256, 1000]) {
    const seen: string[] = []
    for (let after = toKey(new Uint8Array(32)); ; ) {
      const step = topics.walk('t', limit, after, toKey(except))
      if (step.length > limit) t.fail(`${step.length} at once`)
      if (step.length === 0) break
      seen.push(...step.map(id => Buffer.from(id).toString('hex')))
      after = toKey(step.at(-1) as Uint8Array)
    }
    t.deepEqual(seen, expected, `steps of ${limit}`)
  }
  t.end()
})

test('topics: a walk goes on where it was when the member it stood on has left, and sees who came', t => {
  const topics = new Topics<string>()
  for (const id of ['a', 'c', 'e']) topics.set('t', id, id)
  t.deepEqual(topics.walk('t', 2, '', ''), ['a', 'c'])
  topics.delete('t', 'c')
  topics.set('t', 'd', 'd')
  t.deepEqual(topics.walk('t', 2, 'c', ''), ['d', 'e'])
  t.deepEqual(topics.walk('t', 2, 'e', ''), [])
  t.deepEqual(topics.walk('nowhere', 2, '', ''), [])
  t.end()
})

function sorted(numbers: Iterable<number>): string {
  return [...numbers].sort((a, b) => a - b).join()
}
