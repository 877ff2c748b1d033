import { CEILING } from 'socket-signal/wire'

/** Characters of a node's name and of an epoch. */
export const NODE_SIZE = 12
export const EPOCH_SIZE = 16
const ID = 32
const HEAD = ID + NODE_SIZE + EPOCH_SIZE + 1
const NODE = /^[\w-]{12}$/
const EPOCH = /^\d{16}$/

/** A member of a topic as Redis has it: `id 32 • node 12 • epoch 16 • '-' or 'a' (away) • info`. */
export interface Entry {
  id: Uint8Array
  info: Uint8Array
  away: boolean
  /** Where its socket is, or was. */
  node: string
  /** Which of the sessions that had the id, ever: the later the greater. Decimal microseconds. */
  epoch: string
}

/** Somebody in a topic, as the contract has it. @inline */
export type Member = { id: Uint8Array; info: Uint8Array; isAway?: boolean }

export function encodeEntry({ id, info, away, node, epoch }: Entry): Buffer {
  return Buffer.concat([id, Buffer.from(`${node}${epoch}${away ? 'a' : '-'}`, 'latin1'), info])
}

/** Gives undefined for what is none: anybody may have written it. */
export function decodeEntry(bytes: unknown): Entry | undefined {
  if (!Buffer.isBuffer(bytes) || bytes.length < HEAD || bytes.length > HEAD + CEILING.info) return undefined
  const [node, epoch] = [
    bytes.toString('latin1', ID, ID + NODE_SIZE),
    bytes.toString('latin1', ID + NODE_SIZE, HEAD - 1)
  ]
  if (!isNode(node) || !isEpoch(epoch)) return undefined
  const away = bytes[HEAD - 1] === 0x61
  return {
    id: Buffer.from(bytes.subarray(0, ID)),
    info: Buffer.from(bytes.subarray(HEAD)),
    away,
    node,
    epoch
  }
}

export function isNode(text: string): boolean {
  return NODE.test(text)
}

export function isEpoch(text: string): boolean {
  return EPOCH.test(text)
}
