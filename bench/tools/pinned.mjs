import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const CAN_PIN = availableParallelism() > 1 && spawnSync('taskset', ['-V']).status === 0
// A socket is a file; 15,000 of them are more than most shells allow.
const MANY_FILES = 'ulimit -n 20000 2>/dev/null; exec "$@"'

/** Whether servers and load have a core each. */
export const pinning = CAN_PIN ? 'servers on core 1, load on core 0' : 'not pinned: no taskset, or one core'

/** Node in a process of its own, that can be talked to, on one core where that can be said. */
export function spawnPinned(core, args, stderr = 'pipe') {
  const pin = CAN_PIN ? ['taskset', '-c', String(core)] : []
  const words = ['-c', MANY_FILES, 'sh', ...pin, process.execPath, ...args]
  return spawn('sh', words, { stdio: ['ignore', 'ignore', stderr, 'ipc'] })
}
