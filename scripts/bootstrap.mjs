import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const NOT_FOR_TEST = ['./bench']
const NOT_FOR_START = [
  ...NOT_FOR_TEST,
  './examples/03-browser-chat',
  './examples/09-next-app',
  './examples/12-sveltekit-app'
]
const STAMP = 'node_modules/.installed'
const RUNNER = ['--conditions=@socket-signal/source', '--import', 'tsx', 'test/run.ts']

const { packageManager } = JSON.parse(readFileSync('package.json', 'utf8'))
const [command, ...words] = process.argv.slice(2)
const commands = { start, test, check, bench }
if (!Object.hasOwn(commands, command ?? '')) {
  console.error(`node scripts/bootstrap.mjs ${Object.keys(commands).join('|')} [words…]`)
  process.exit(1)
}
await commands[command]()

async function start() {
  await install(NOT_FOR_START)
  await node(['scripts/build.mjs', '--fast'])
  await node(['examples/01-two-peers/start.js', ...words])
}

async function test() {
  await install(NOT_FOR_TEST)
  await node(['scripts/setup.mjs'])
  await node(['scripts/build.mjs'])
  await node([...RUNNER, ...words])
}

async function check() {
  await install()
  await node(['scripts/check.mjs', ...words])
}

async function bench() {
  await install()
  await node(['scripts/build.mjs', '--fast'])
  await node(['bench/run.mjs', ...words])
}

async function install(without = []) {
  const lock = createHash('sha256').update(readFileSync('pnpm-lock.yaml')).digest('hex')
  const [installed, missing] = readStamp().split(' ')
  if (installed === lock && missing.split(',').every(folder => !folder || without.includes(folder))) return
  const filters = without.map(folder => `--filter=!${folder}`)
  // Without --prefer-offline npx hangs for a minute where there is no network.
  const npx = ['--yes', '--prefer-offline', '--package', packageManager]
  await run('npx', [...npx, 'pnpm', 'install', '--frozen-lockfile', '--prefer-offline', ...filters])
  mkdirSync('node_modules', { recursive: true })
  writeFileSync(STAMP, `${lock} ${without}`)
}

function readStamp() {
  try {
    return readFileSync(STAMP, 'utf8')
  } catch {
    return ''
  }
}

function node(args) {
  return run(process.execPath, args)
}

async function run(file, args) {
  const child = spawn(file, args, { stdio: 'inherit', shell: process.platform === 'win32' && file === 'npx' })
  // A terminal sends SIGINT to the child as well; twice would read as "at once, without cleaning up".
  const stops = process.stdin.isTTY ? ['SIGTERM', 'SIGHUP'] : ['SIGINT', 'SIGTERM', 'SIGHUP']
  const pass = signal => child.kill(signal)
  for (const signal of stops) process.on(signal, pass)
  if (process.stdin.isTTY) process.on('SIGINT', wait)
  // npm passes a signal to its shell alone, which dies of it and leaves us behind.
  const parent = process.ppid
  const watch = setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500)
  const { code, signal } = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve({ code, signal }))
  })
  clearInterval(watch)
  for (const signal of stops) process.off(signal, pass)
  process.off('SIGINT', wait)
  if (signal) process.kill(process.pid, signal)
  if (code !== 0) process.exit(code ?? 1)
}

function wait() {}
