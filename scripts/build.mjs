import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { transform } from 'esbuild'
import { buildEmbed } from './build-embed.mjs'
import { buildPage } from './build-page.mjs'

// A sibling's types come from its source, so the packages can be built side by side. The largest goes first.
const packages = readdirSync('packages').sort((a, b) => Number(b === 'core') - Number(a === 'core'))
const env = { ...process.env, BUILD_FAST: process.argv.includes('--fast') ? '1' : '' }
const started = Date.now()

await Promise.all(Array.from({ length: availableParallelism() }, work))
if (!process.exitCode) await Promise.all([buildPage(), buildEmbed()])
console.log(
  `build ${process.exitCode ? 'failed' : 'done'} in ${((Date.now() - started) / 1000).toFixed(1)} s`
)

async function work() {
  for (let name = packages.shift(); name; name = packages.shift()) {
    if (await runTsup(name)) {
      await addCommonJs(`packages/${name}/dist`)
    } else {
      console.error(`packages/${name} failed to build`)
      process.exitCode = 1
    }
  }
}

function runTsup(name) {
  const args = ['../../node_modules/tsup/dist/cli-default.js', '--config', '../../scripts/tsup.config.mjs']
  const child = spawn(process.execPath, args, { cwd: `packages/${name}`, env, stdio: 'inherit' })
  return new Promise(resolve => child.on('exit', code => resolve(code === 0)))
}

// tsup's own CommonJS has no chunks, so that a class reached by two subpaths would be two classes,
// or, split, moves fields and turns import() into require(). File by file, neither happens.
async function addCommonJs(folder) {
  for (const name of readdirSync(folder).filter(name => /\.(d\.ts|js)$/.test(name))) {
    const text = readFileSync(`${folder}/${name}`, 'utf8')
    if (name.endsWith('.d.ts')) write(`${folder}/${name.slice(0, -3)}.cts`, text)
    if (name.endsWith('.js')) write(`${folder}/${name.slice(0, -3)}.cjs`, await toCommonJs(text))
  }
}

async function toCommonJs(text) {
  const supported = { 'dynamic-import': true }
  const { code } = await transform(text, { format: 'cjs', platform: 'node', target: 'es2022', supported })
  return code
}

function write(file, text) {
  writeFileSync(file, text.replace(/(['"]\.\/[\w-]+)\.js(?=['"])/g, '$1.cjs'))
}
