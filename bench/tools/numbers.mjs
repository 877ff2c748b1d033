/** The value below which a share of them lies, for instance 0.5 for the median. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

export function median(values) {
  return quantile(values, 0.5)
}

/** For people: three digits are more than a run can promise. Bounds are held against what was measured. */
export function shown(value) {
  return typeof value === 'number' ? precise(value, 3) : value
}

/** For latest.json: enough to tell what lies just beyond a bound. */
export function kept(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? precise(value, 5) : value
}

function precise(value, digits) {
  return Number(value.toPrecision(digits))
}
