import { ID_SIZE } from './bytes.ts'
import type { MemberBytes } from './frame.ts'
import type { Members } from './message.ts'
import { CEILING } from './protocol.ts'

/** Room for the members of one page below the payload limit. Unit: bytes. */
const PAGE_MARGIN = 64

/** Whether what a hook gave is a list of ids, or of members, and not some other JSON. */
export function isMembers(value: unknown): value is Members {
  if (!Array.isArray(value)) return false
  const isId = (id: unknown) => id instanceof Uint8Array && id.length === ID_SIZE
  return value.every(isId) || value.every(item => isId(item?.id) && item.info instanceof Uint8Array)
}

/** Lists of members that each fit into one frame. An empty list is one page. */
export function paginate(members: Members, details: boolean, maxPayload: number): MemberBytes[][] {
  const pages: MemberBytes[][] = [[]]
  let size = PAGE_MARGIN
  for (const item of members) {
    const member = item instanceof Uint8Array ? { id: item, info: item.subarray(0, 0) } : item
    const cost = ID_SIZE + (details ? 2 + member.info.length : 0)
    let page = pages.at(-1) as MemberBytes[]
    if (page.length === CEILING.ids || size + cost > maxPayload) {
      page = []
      pages.push(page)
      size = PAGE_MARGIN
    }
    page.push(member)
    size += cost
  }
  return pages
}
