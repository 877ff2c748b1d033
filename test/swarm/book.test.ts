import { seededRandom } from 'socket-signal-testing'
import { Book } from '../../packages/swarm/src/book.ts'
import { MAX, MS } from '../../packages/swarm/src/bounds.ts'
import { test } from '../tools/test.ts'

const everybody = () => true

function make() {
  const time = { now: 0 }
  return { time, book: new Book({ now: () => time.now, random: seededRandom(1) }) }
}

/** Names so many who are not there, and has each tried. Gives how many were believed. */
function lie(book: Book, source: string, count: number): number {
  let believed = 0
  for (let number = 0; number < count; number++) {
    const id = `${source} ${number} ${Math.random()}`
    book.add(id, { source })
    if (book.has(id)) believed++
    book.failed(id, 'gone')
  }
  return believed
}

test('book: who named too many in vain is not believed when it comes back, but in time', async t => {
  const { time, book } = make()
  t.equal(lie(book, 'liar', 100), MAX.lies)
  book.linked('liar')
  book.ended('liar', 1000)
  book.linked('liar')
  t.equal(lie(book, 'liar', 100), 0, 'it went and came back')
  t.equal(lie(book, 'other', 1), 1, 'others are believed')
  time.now += 3 * MS.forgotten
  t.equal(lie(book, 'liar', 100), 3, 'three minutes later three more')
  time.now += MAX.lies * MS.forgotten
  t.equal(lie(book, 'liar', 100), MAX.lies, 'at last as many as anybody')
})

test('book: as many liars as there may be are remembered, the latest', async t => {
  const { book } = make()
  for (let number = 0; number < 3 * MAX.known; number++) lie(book, `liar ${number}`, MAX.lies)
  t.equal(lie(book, `liar ${3 * MAX.known - 1}`, 1), 0)
  t.equal(lie(book, 'liar 0', 1), 1, 'the first is forgotten')
})

test('book: who has no place is asked again later each time, and soon again once it was there', async t => {
  const { time, book } = make()
  book.add('a')
  const waits: number[] = []
  for (let number = 0; number < 8; number++) {
    book.failed('a', 'crowded')
    const next = book.next(everybody)
    waits.push(next - time.now)
    time.now = next
    t.deepEqual(book.ready(everybody), ['a'])
  }
  t.ok((waits[0] as number) <= 1.5 * MS.crowded, `first ${waits[0]} ms`)
  t.ok(
    waits.slice(6).every(ms => ms >= MS.longestCrowded / 2 && ms <= 1.5 * MS.longestCrowded),
    `${waits}`
  )
  book.refresh('a')
  book.failed('a', 'crowded')
  t.ok(book.next(everybody) - time.now <= 1.5 * MS.crowded, 'the server says that it is there')
})

test('book: who proved useful comes first, who failed last', async t => {
  const { time, book } = make()
  for (const id of ['new', 'failed', 'useful', 'brief']) book.add(id)
  book.failed('failed', 'failed')
  for (const [id, life] of [
    ['useful', MS.proven],
    ['brief', 1]
  ] as const) {
    book.linked(id)
    book.ended(id, life)
  }
  time.now += 10 * 60_000
  const ready = book.ready(everybody)
  t.equal(ready[0], 'useful')
  t.equal(ready[1], 'new')
})
