import fc from 'fast-check'
import { encodeMembers } from '../../packages/core/src/frame.ts'
import { paginate } from '../../packages/core/src/listing.ts'
import { CEILING } from '../../packages/core/src/protocol.ts'
import { test } from '../tools/test.ts'

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength })
const member = fc.record({ id: bytes(32, 32), info: bytes(0, CEILING.info), isAway: fc.boolean() })

test('listing: every member once, on pages that fit, and who is away on pages of their own', async t => {
  const property = (list: fc.Arbitrary<{ id: Uint8Array; info: Uint8Array; isAway: boolean }[]>) =>
    fc.property(
      list,
      fc.boolean(),
      fc.integer({ min: 2048, max: 16_384 }),
      (members, details, maxPayload) => {
        const pages = paginate(members, details, maxPayload)
        const fits = pages.every(
          page =>
            encodeMembers(page.members, details).length + 6 <= maxPayload &&
            page.members.length <= CEILING.ids
        )
        const told = pages.flatMap(page => page.members.map(({ id }) => `${id} ${page.away}`))
        const should = members.map(({ id, isAway }) => `${id} ${isAway}`)
        return fits && pages.length > 0 && `${told.sort()}` === `${should.sort()}`
      }
    )
  fc.assert(property(fc.array(member, { maxLength: 40 })), { seed: 5, numRuns: 200 })
  const many = fc.array(member, { minLength: 1001, maxLength: 1100, size: 'max' })
  fc.assert(property(many), { seed: 6, numRuns: 2 })
  t.pass('for all lists')
})
