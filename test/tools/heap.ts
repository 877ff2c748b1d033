import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What this process holds after a collection. RSS grows by itself and bounds nothing. Unit: bytes. */
export async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    collect()
    await new Promise(setImmediate)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
