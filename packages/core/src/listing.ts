import type { Member } from './backplane.ts'
import { ID_SIZE } from './bytes.ts'
import type { Body } from './codec.ts'
import { encodeIds, encodeMembers, encodePast, type Past } from './frame.ts'
import { CEILING, FLAG } from './protocol.ts'

/** Room for the members of one page below the payload limit. Unit: bytes. */
const PAGE_MARGIN = 64
/** What stands before a kept message. Unit: bytes. */
const STAMP = 10

/** What a hook gave, as the bodies of one result, a page each; undefined for what is no list of ids, or of members. */
export function toPages(value: unknown, maxPayload: number): Body[] | undefined {
  if (!Array.isArray(value)) return undefined
  const list = [...value] // Without holes, which `every` would not see.
  if (list.every(isId) && fetchAll(list)) {
    const pages = fill(list, maxPayload, () => ID_SIZE)
    return withMore(pages.map(page => ({ flags: FLAG.members, body: encodeIds(page) })))
  }
  if (!list.every(isMember)) return undefined
  const pages = paginate(list, maxPayload).map(({ members, away }) => ({
    flags: FLAG.members | FLAG.details | (away ? FLAG.away : 0),
    body: encodeMembers(members)
  }))
  return withMore(pages)
}

/** Kept messages, as the bodies of one result. */
export function toPastPages(past: readonly Past[], maxPayload: number): Body[] {
  const pages = fill(past, maxPayload, ({ frame }) => frame.length + STAMP)
  return withMore(pages.map(page => ({ flags: 0, body: encodePast(page) })))
}

/** Whether a message may be kept: it has to fit into a page. */
export function fitsPage(frame: Uint8Array, maxPayload: number): boolean {
  return frame.length <= Math.min(CEILING.kept, maxPayload - STAMP - PAGE_MARGIN)
}

/** Members of which all are away, or none. */
export interface Page {
  away: boolean
  members: Member[]
}

/** Pages that each fit into one frame, those who are away on the last ones. */
export function paginate(list: readonly Member[], maxPayload: number): Page[] {
  return [false, true].flatMap(away => {
    const some = list.filter(({ isAway }) => Boolean(isAway) === away)
    const pages = some.length > 0 ? fill(some, maxPayload, ({ info }) => ID_SIZE + 2 + info.length) : []
    return pages.map(members => ({ away, members }))
  })
}

function isMember(value: Member | undefined): value is Member {
  return isId(value?.id) && value?.info instanceof Uint8Array
}

function isId(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === ID_SIZE
}

/**
 * Reads a byte of each, and is always true. Ids that were drawn from many lie in no cache: a loop that does no more has them
 * fetched side by side, where one that copies waits for each.
 */
function fetchAll(ids: readonly Uint8Array[]): boolean {
  let sum = 0
  for (const id of ids) sum += id[0] as number
  return sum >= 0
}

/** An empty list is one page. */
function fill<T>(items: readonly T[], maxPayload: number, costOf: (item: T) => number): T[][] {
  let page: T[] = []
  let size = PAGE_MARGIN
  const pages = [page]
  for (const item of items) {
    const cost = costOf(item)
    if (page.length === CEILING.ids || size + cost > maxPayload) {
      page = []
      pages.push(page)
      size = PAGE_MARGIN
    }
    page.push(item)
    size += cost
  }
  return pages
}

/** All but the last one say that more comes. */
function withMore(pages: Body[]): Body[] {
  return pages.map((page, at) => (at < pages.length - 1 ? { ...page, flags: page.flags | FLAG.more } : page))
}
