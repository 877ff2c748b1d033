import { MAX } from '../../packages/swarm/src/bounds.ts'
import { Origins } from '../../packages/swarm/src/origins.ts'
import { test } from '../tools/test.ts'

test('origins: in whatever order they come, each number is new once', async t => {
  const origins = new Origins()
  const numbers = [3, 1, 2, 900, 5, 4, 6]
  for (const seq of numbers) {
    t.notOk(origins.has('a', 's', 1, seq))
    t.ok(origins.accept('a', 's', 1, seq))
  }
  for (const seq of numbers) {
    t.ok(origins.has('a', 's', 1, seq))
    t.notOk(origins.accept('a', 's', 1, seq), `${seq} again`)
  }
  t.ok(origins.accept('b', 's', 1, 1), 'of another sender')
})

test('origins: numbers with gaps are kept to a bound, behind which all counts as seen', async t => {
  const origins = new Origins()
  const even = Array.from({ length: MAX.numbers + 1 }, (_, at) => 2 * (at + 1))
  t.ok(even.every(seq => origins.accept('a', 's', 1, seq)))
  t.ok(origins.has('a', 's', 1, 1), 'before the first that is kept')
  t.notOk(origins.has('a', 's', 1, 5))
  t.ok(origins.accept('a', 's', 1, 5))
})

test('origins: a later start begins anew, an earlier one has come', async t => {
  const origins = new Origins()
  t.equal(origins.began('a'), 0)
  t.ok(origins.accept('a', 'first', 10, 7))
  t.ok(origins.accept('a', 'second', 20, 7))
  t.equal(origins.began('a'), 20)
  t.ok(origins.has('a', 'first', 10, 8))
  t.notOk(origins.accept('a', 'first', 10, 8))
  t.notOk(origins.accept('a', 'twin', 20, 1), 'of two that began at once the first')
})

test('origins: as many senders as there may be, those that spoke last', async t => {
  const origins = new Origins()
  for (let number = 0; number <= MAX.origins; number++) {
    origins.accept(`${number}`, 's', 1, 1)
    origins.accept('always', 's', 1, number + 1)
  }
  t.ok(origins.has('always', 's', 1, 1))
  t.notOk(origins.has('0', 's', 1, 1))
})
