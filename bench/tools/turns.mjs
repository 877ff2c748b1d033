/** A list begun elsewhere in each round, so that nobody always comes first, or after the same one. */
export function inTurn(list, round) {
  const from = round % list.length
  return [...list.slice(from), ...list.slice(0, from)]
}

/** What a piece of work gives in each of so many rounds. */
export async function rounds(count, work) {
  const results = []
  for (let round = 0; round < count; round++) results.push(await work(round))
  return results
}
