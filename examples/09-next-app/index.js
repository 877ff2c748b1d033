// A Next app with rooms and calls, and beside it a signal server that lets nobody in without a token.
// Run it: node examples/09-next-app          as one develops it
//         node examples/09-next-app start    built, as one serves it

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createServer } from 'socket-signal-server'

const secret = () => randomBytes(32).toString('hex')
const project = { id: 'example', apiToken: secret() }
const signal = createServer({ port: 0, page: false, tokens: { project } })
await signal.open()

const bin = fileURLToPath(import.meta.resolve('next/dist/bin/next'))
const serve = ['--hostname', '127.0.0.1', '--port', process.env.PORT ?? '0']
const env = {
  NEXT_TELEMETRY_DISABLED: '1',
  ...process.env,
  SIGNALWIRE_SPACE: signal.url,
  SIGNALWIRE_PROJECT_ID: project.id,
  SIGNALWIRE_TOKEN: project.apiToken,
  SESSION_SECRET: secret(),
  NEXT_PUBLIC_SW_HOST: signal.signalUrl
}

let child
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => child.kill(name))

console.log(`signal server at ${signal.signalUrl}; stop with Ctrl+C`)
const built = process.argv[2] !== 'start' || (await next('build'))
if (built) await next(...(process.argv[2] === 'start' ? ['start'] : ['dev']), ...serve)
else process.exitCode = 1
await signal.close()

/** Whether it went well. */
function next(command, ...args) {
  child = spawn(process.execPath, [bin, command, import.meta.dirname, ...args], { env, stdio: 'inherit' })
  return new Promise(resolve => child.on('exit', code => resolve(code === 0)))
}
