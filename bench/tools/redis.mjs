import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A Redis on loopback that keeps nothing on disk. Rejects where there is no redis-server. */
export async function startRedis() {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address()
  holder.close()
  const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'))
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const kill = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', kill)
  await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', code => reject(new Error(`redis-server ended with ${code}`)))
    child.stdout.on('data', text => String(text).includes('Ready to accept') && resolve())
  })
  return {
    port,
    async stop() {
      process.off('exit', kill)
      const ended = once(child, 'exit')
      kill()
      await ended
    }
  }
}
