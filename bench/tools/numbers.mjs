/** The value below which a share of them lies, for instance 0.5 for the median. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

export function median(values) {
  return quantile(values, 0.5)
}

/** Three digits are more than a run can promise. */
export function round(value, digits = 3) {
  return value === 0 ? 0 : Number(value.toPrecision(digits))
}
