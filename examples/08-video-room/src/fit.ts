interface Fit {
  columns: number
  /** Unit: CSS pixels, as below. */
  wide: number
  high: number
}

/** Between tiles: that of call.css. */
const GAP = 10
const WIDEST = 16 / 9
const TALLEST = 4 / 3

/**
 * The number of columns at which so many tiles are largest. Faces are wide; held upright, where there is height to spare,
 * they may be tall. `free`: of any shape, for what is shown in full.
 */
export function fit(count: number, width: number, height: number, free = false): Fit {
  let best: Fit = { columns: 1, wide: 0, high: 0 }
  let most = 0
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns)
    const across = Math.floor((width - GAP * (columns - 1)) / columns)
    const down = Math.floor((height - GAP * (rows - 1)) / rows)
    const wide = free ? across : Math.floor(Math.min(across, down * WIDEST))
    const high = free ? down : Math.floor(width < height ? Math.min(down, wide * TALLEST) : wide / WIDEST)
    // Of what is shown in full, what counts is how large it can be there.
    const seen = free ? Math.min(wide, high * WIDEST) ** 2 : wide * high
    // Held upright, stripes at both sides are worse than somewhat smaller pictures.
    const worth = width < height ? seen * (usedBy({ columns, wide, high }) / width) : seen
    if (wide > 0 && high > 0 && worth > most) [best, most] = [{ columns, wide, high }, worth]
  }
  return best
}

/** How much of the width. */
export function usedBy({ columns, wide }: Fit): number {
  return columns * (wide + GAP) - GAP
}
