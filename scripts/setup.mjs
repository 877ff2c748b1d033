import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const TOOLS = [
  { package: 'chromium', command: 'chromium' },
  { package: 'firefox-esr', command: 'firefox-esr' },
  { package: 'curl', command: 'curl' },
  { package: 'faketime', command: 'faketime' },
  { package: 'coturn', command: 'turnserver' },
  { package: 'iproute2', command: 'ip' },
  { package: 'python3', command: 'python3' },
  { package: 'redis-server', command: 'redis-server' }
]

if (missing().length > 0 && canInstall()) install(missing())
if (missing().length > 0)
  console.log(`setup: missing ${missing().join(', ')}; tests that need them are skipped`)

function missing() {
  return TOOLS.filter(tool => !isThere(tool.command)).map(tool => tool.package)
}

function install(packages) {
  console.log(`setup: installing ${packages.join(', ')}`)
  aptGet('update')
  aptGet('install', '--yes', '--no-install-recommends', ...packages)
}

function aptGet(...args) {
  // RUNLEVEL=1 keeps Debian from starting the services that it installs.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const { status } = spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) console.error(`setup: apt-get ${args[0]} failed`)
}

function canInstall() {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && isThere('apt-get')
}

function isThere(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some(folder => existsSync(join(folder, command)))
}
