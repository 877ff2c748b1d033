import { cpus, totalmem } from 'node:os'

/** What the figures were measured on. */
export function machine() {
  const [{ model }] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${model.trim()}, ${memory} GiB, Node ${process.versions.node}, ${process.platform} ${process.arch}`
}
