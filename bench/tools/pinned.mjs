import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const CAN_PIN = availableParallelism() > 1 && spawnSync('taskset', ['-V']).status === 0

/** Whether servers and load have a core each. */
export const pinning = CAN_PIN ? 'servers on core 1, load on core 0' : 'not pinned: no taskset, or one core'

/** Node in a process of its own, that can be talked to, on one core where that can be said. */
export function spawnPinned(core, args, stderr = 'pipe') {
  const [file, ...before] = CAN_PIN ? ['taskset', '-c', String(core), process.execPath] : [process.execPath]
  return spawn(file, [...before, ...args], { stdio: ['ignore', 'ignore', stderr, 'ipc'] })
}
