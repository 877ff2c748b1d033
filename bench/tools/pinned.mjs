import { spawn, spawnSync } from 'node:child_process'

export const LOAD_CORE = 0
export const SERVER_CORE = 1
// Tried, and not counted: who is pinned itself, as the load that starts the servers, counts one core.
const CAN_PIN = [LOAD_CORE, SERVER_CORE].every(
  core => spawnSync('taskset', ['-c', String(core), 'true']).status === 0
)
// A socket is a file; 15,000 of them are more than most shells allow.
const MANY_FILES = 'ulimit -n 20000 2>/dev/null; exec "$@"'

/** Whether servers and load have a core each. */
export const pinning = CAN_PIN
  ? `servers on core ${SERVER_CORE}, load on core ${LOAD_CORE}`
  : `not pinned: taskset can't have cores ${LOAD_CORE} and ${SERVER_CORE}`

/** Node in a process of its own, that can be talked to, on one core where that can be said. */
export function spawnPinned(core, args, stderr = 'pipe') {
  const pin = CAN_PIN ? ['taskset', '-c', String(core)] : []
  const words = ['-c', MANY_FILES, 'sh', ...pin, process.execPath, ...args]
  return spawn('sh', words, { stdio: ['ignore', 'ignore', stderr, 'ipc'] })
}
