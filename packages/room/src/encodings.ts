/** What a picture of so many lines is worth at most. Unit: bits a second. */
const BITRATES: readonly (readonly [height: number, bitrate: number])[] = [
  [180, 150_000],
  [270, 300_000],
  [360, 500_000],
  [540, 1_000_000],
  [720, 1_800_000],
  [1080, 3_000_000]
]

/** How one subscriber is sent a picture: what simulcast does in a media server, done by the publisher for each of them. */
export interface Encoding {
  scaleResolutionDownBy: number
  maxBitrate: number
}

/**
 * For who asked for so many lines of a picture that has `height`; undefined: as it is. Smaller than a sixteenth is not
 * worth sending.
 */
export function encodingFor(height: number | undefined, asked: number | undefined): Encoding | undefined {
  if (!height || !asked || !(asked > 0) || asked >= height) return undefined
  const [, maxBitrate] = BITRATES.find(([lines]) => asked <= lines) ?? [0, 4_000_000]
  return { scaleResolutionDownBy: Math.min(height / asked, 16), maxBitrate }
}
