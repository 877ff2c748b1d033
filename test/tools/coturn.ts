import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tape'
import { find } from './needs.ts'
import { until } from './wait.ts'

export interface Coturn {
  /** `turn:127.0.0.1:…`, over UDP. */
  url: string
  secret: string
  /** What it has logged. */
  log(): string
  /** Ends it without a word. */
  kill(): void
}

/** A TURN server on one address, loopback by default, that shares a secret with whoever mints credentials; ended when the test ends. */
export async function startCoturn(t: Test, address = '127.0.0.1'): Promise<Coturn> {
  const secret = 'a secret of both servers'
  const port = await freeUdpPort()
  const folder = mkdtempSync(join(tmpdir(), 'coturn-'))
  const options = [
    ...[
      '-n',
      '--no-cli',
      '--no-tls',
      '--no-dtls',
      '--no-tcp',
      '--log-file=stdout',
      '--simple-log',
      '--verbose'
    ],
    ...['--use-auth-secret', `--static-auth-secret=${secret}`, '--realm=socket-signal.test'],
    ...[
      `--listening-ip=${address}`,
      `--listening-port=${port}`,
      `--relay-ip=${address}`,
      '--allow-loopback-peers'
    ],
    ...[`--userdb=${join(folder, 'db')}`, `--pidfile=${join(folder, 'pid')}`]
  ]
  const child = spawn(find('coturn') as string, options, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (log += chunk))
  const ended = once(child, 'exit')
  const kill = () => void child.kill('SIGKILL')
  t.teardown(async () => {
    kill()
    await ended
    rmSync(folder, { recursive: true })
  })
  await until(() => answersStun(port, address), 'coturn answers', 15).catch(error => {
    throw new Error(`${error.message}: ${log}`)
  })
  return { url: `turn:${address}:${port}`, secret, log: () => log, kill }
}

/** An address where nobody answers: the port was free a moment ago. */
export async function deadTurn(): Promise<string> {
  return `turn:127.0.0.1:${await freeUdpPort()}`
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** Asks for the own address (RFC 8489 section 6). */
async function answersStun(port: number, address: string): Promise<boolean> {
  const socket = createSocket('udp4')
  const answered = new Promise<boolean>(resolve => {
    socket.on('message', () => resolve(true))
    socket.on('error', () => resolve(false))
    setTimeout(() => resolve(false), 100)
  })
  socket.send(Buffer.from('000100002112a442000102030405060708090a0b', 'hex'), port, address)
  const yes = await answered
  socket.close()
  return yes
}
