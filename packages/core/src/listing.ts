import type { Member } from './backplane.ts'
import { ID_SIZE, NOTHING } from './bytes.ts'
import type { Body } from './codec.ts'
import { encodeMembers, encodePast, type MemberBytes, type Past } from './frame.ts'
import type { Members } from './message.ts'
import { CEILING, FLAG } from './protocol.ts'

/** Room for the members of one page below the payload limit. Unit: bytes. */
const PAGE_MARGIN = 64
/** What stands before a kept message. Unit: bytes. */
const STAMP = 10

/** Whether what a hook gave is a list of ids, or of members, and not some other JSON. */
function isMembers(value: unknown): value is Members {
  if (!Array.isArray(value)) return false
  const isId = (id: unknown) => id instanceof Uint8Array && id.length === ID_SIZE
  return value.every(isId) || value.every(item => isId(item?.id) && item.info instanceof Uint8Array)
}

/** What a hook gave, as the bodies of one result, a page each; undefined for what is no list of members. */
export function toPages(value: unknown, maxPayload: number): Body[] | undefined {
  if (!isMembers(value)) return undefined
  const details = value.length > 0 && !(value[0] instanceof Uint8Array)
  const pages = paginate(value, details, maxPayload)
  return pages.map(({ members, away }, at) => {
    const more = at < pages.length - 1 ? FLAG.more : 0
    const flags = FLAG.members | (details ? FLAG.details : 0) | (away ? FLAG.away : 0) | more
    return { flags, body: encodeMembers(members, details) }
  })
}

/** Kept messages, as the bodies of one result. */
export function toPastPages(past: readonly Past[], maxPayload: number): Body[] {
  const pages = fill(past, maxPayload, ({ frame }) => frame.length + STAMP)
  if (pages.length === 0) pages.push([])
  return pages.map((page, at) => ({ flags: at < pages.length - 1 ? FLAG.more : 0, body: encodePast(page) }))
}

/** Whether a message may be kept: it has to fit into a page. */
export function fitsPage(frame: Uint8Array, maxPayload: number): boolean {
  return frame.length <= Math.min(CEILING.kept, maxPayload - STAMP - PAGE_MARGIN)
}

/** Members of which all are away, or none. */
export interface Page {
  away: boolean
  members: MemberBytes[]
}

/** Pages that each fit into one frame, those who are away on the last ones. An empty list is one page. */
export function paginate(list: Members, details: boolean, maxPayload: number): Page[] {
  const members = list.map(item => (item instanceof Uint8Array ? { id: item, info: NOTHING } : item))
  const [here, away] = [false, true].map(away => members.filter(({ isAway = false }) => isAway === away))
  const cost = ({ info }: Member) => ID_SIZE + (details ? 2 + info.length : 0)
  const pages = [
    ...fill(here as Member[], maxPayload, cost).map(members => ({ away: false, members })),
    ...fill(away as Member[], maxPayload, cost).map(members => ({ away: true, members }))
  ]
  return pages.length > 0 ? pages : [{ away: false, members: [] }]
}

function fill<T>(items: readonly T[], maxPayload: number, costOf: (item: T) => number): T[][] {
  const pages: T[][] = []
  let size = maxPayload
  for (const item of items) {
    const cost = costOf(item)
    if (pages.at(-1)?.length === CEILING.ids || size + cost > maxPayload) {
      pages.push([])
      size = PAGE_MARGIN
    }
    pages.at(-1)?.push(item)
    size += cost
  }
  return pages
}
