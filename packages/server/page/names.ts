const ADJECTIVES = ['Amber', 'Brisk', 'Calm', 'Dapper', 'Early', 'Gentle', 'Keen', 'Lucky', 'Merry', 'Quiet']
const ANIMALS = ['Badger', 'Crane', 'Dormouse', 'Finch', 'Hare', 'Heron', 'Lynx', 'Otter', 'Robin', 'Seal']

export const MAX_NAME = 40

/** A name for who has not given one. */
export function inventName(): string {
  return `${pick(ADJECTIVES)} ${pick(ANIMALS)}`
}

/** A name as somebody else gave it, which may be anything; without one, the start of the id. */
export function cleanName(given: unknown, id: Uint8Array): string {
  const name = typeof given === 'string' ? given.replace(/\s+/g, ' ').trim().slice(0, MAX_NAME) : ''
  return name || `Peer ${shortId(id)}`
}

/** Eight digits are enough to tell people apart, not to prove who they are. */
export function shortId(id: Uint8Array): string {
  return [...id.subarray(0, 4)].map(byte => byte.toString(16).padStart(2, '0')).join('')
}

/** A colour that is the same for an id in every browser. Unit: degrees. */
export function hueOf(id: Uint8Array): number {
  return Math.round((((id[4] ?? 0) * 256 + (id[5] ?? 0)) / 65536) * 360)
}

export function initials(name: string): string {
  const words = name.split(' ').filter(Boolean)
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined]
  return letters
    .map(word => [...(word ?? '')][0] ?? '')
    .join('')
    .toUpperCase()
}

function pick(list: readonly string[]): string {
  return list[Math.floor(Math.random() * list.length)] as string
}
