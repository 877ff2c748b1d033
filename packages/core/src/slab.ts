import { copy, ID_SIZE } from './bytes.ts'

const SLAB = 256 * ID_SIZE
let slab: Uint8Array | undefined
let used = SLAB

/**
 * A copy of 32 bytes that is kept as long as a connection. These lie together: the pool of Node's Buffers is shared with
 * every short-lived frame, and one id that is kept there keeps 8 KiB.
 */
export function keep(id: Uint8Array): Uint8Array {
  if (!slab || used === SLAB) {
    slab = copy(new Uint8Array(SLAB))
    used = 0
  }
  const kept = slab.subarray(used, used + ID_SIZE)
  kept.set(id)
  used += ID_SIZE
  return kept
}
