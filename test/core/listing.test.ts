import fc from 'fast-check'
import { decodeMembers, encodeMembers } from '../../packages/core/src/frame.ts'
import { paginate, toPages } from '../../packages/core/src/listing.ts'
import { CEILING, FLAG } from '../../packages/core/src/protocol.ts'
import { test } from '../tools/test.ts'

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength })
const member = fc.record({ id: bytes(32, 32), info: bytes(0, CEILING.info), isAway: fc.boolean() })

test('listing: every member once, on pages that fit, and who is away on pages of their own', async t => {
  const property = (list: fc.Arbitrary<{ id: Uint8Array; info: Uint8Array; isAway: boolean }[]>) =>
    fc.property(list, fc.integer({ min: 2048, max: 16_384 }), (members, maxPayload) => {
      const pages = paginate(members, maxPayload)
      const fits = pages.every(
        page =>
          encodeMembers(page.members).length + 6 <= maxPayload &&
          page.members.length > 0 &&
          page.members.length <= CEILING.ids
      )
      const told = pages.flatMap(page => page.members.map(({ id }) => `${id} ${page.away}`))
      const should = members.map(({ id, isAway }) => `${id} ${isAway}`)
      return fits && `${told.sort()}` === `${should.sort()}`
    })
  fc.assert(property(fc.array(member, { maxLength: 40 })), { seed: 5, numRuns: 200 })
  const many = fc.array(member, { minLength: 1001, maxLength: 1100, size: 'max' })
  fc.assert(property(many), { seed: 6, numRuns: 2 })
  t.pass('for all lists')
})

test('listing: a list of ids is told in order, on pages that fit, and an empty one on one page', async t => {
  const lists = fc.array(bytes(32, 32), { maxLength: 1100, size: 'max' })
  fc.assert(
    fc.property(lists, fc.integer({ min: 2048, max: 65_536 }), (ids, maxPayload) => {
      const pages = toPages(ids, maxPayload) ?? []
      const told = pages.flatMap(({ body }) => decodeMembers(body, false).map(({ id }) => id))
      const fits = pages.every(({ body }) => body.length + 6 <= maxPayload)
      const isFlagged = pages.every(({ flags }, at) => {
        const more = at < pages.length - 1 ? FLAG.more : 0
        return flags === (FLAG.members | more)
      })
      return fits && isFlagged && pages.length > 0 && `${told}` === `${ids}`
    }),
    { seed: 7, numRuns: 50 }
  )
  t.pass('for all lists')
})

test('listing: what is no list of ids, nor of members, is no list', async t => {
  const id = new Uint8Array(32)
  const member = { id, info: id }
  for (const value of [
    undefined,
    {},
    'x',
    [id, member],
    [member, id],
    [id.subarray(1)],
    [{ id }],
    [null],
    ['x'],
    [[7]],
    [[Symbol('a hook may give anything')]],
    new Array(2),
    [id, undefined]
  ])
    t.is(toPages(value, 2048), undefined)
})

test('listing: whatever a hook says of who is away, nobody is left out', async t => {
  const id = new Uint8Array(32)
  for (const isAway of [1, 0, null, 'yes', undefined]) {
    const [page, ...more] = toPages([{ id, info: id, isAway }], 2048) ?? []
    t.equal(more.length, 0)
    t.equal(page && decodeMembers(page.body, true).length, 1)
    t.equal((page?.flags ?? 0) & FLAG.away, isAway ? FLAG.away : 0)
  }
})
