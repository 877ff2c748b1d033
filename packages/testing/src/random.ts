/**
 * Numbers from 0 to below 1 that are the same for the same seed, a whole number. mulberry32 (T. Ettinger, 2017):
 * good enough for jitter and samples, and for nothing that must not be guessed.
 */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** As many characters of the alphabet, drawn at random. */
export function randomText(random: () => number, size: number, alphabet: string): string {
  return Array.from({ length: size }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')
}
