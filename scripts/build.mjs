import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { transform } from 'esbuild'
import { buildEmbed } from './build-embed.mjs'
import { buildPage } from './build-page.mjs'

/** As `tsconfig.types.json` has it. */
const TYPES = 'node_modules/.types'
const packages = readdirSync('packages')
const started = Date.now()

const typed = !process.argv.includes('--fast')
await Promise.all([buildAll(), typed && buildTypes()])
if (typed && !process.exitCode) packages.forEach(addTypes)
if (!process.exitCode) await Promise.all([buildPage(), buildEmbed()])
console.log(
  `build ${process.exitCode ? 'failed' : 'done'} in ${((Date.now() - started) / 1000).toFixed(1)} s`
)

async function buildAll() {
  const left = [...packages]
  const work = async () => {
    for (let name = left.shift(); name; name = left.shift()) await buildPackage(name)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
}

async function buildPackage(name) {
  const args = ['../../node_modules/tsup/dist/cli-default.js', '--config', '../../scripts/tsup.config.mjs']
  if (await run(args, `packages/${name}`)) await addCommonJs(`packages/${name}/dist`)
  else fail(`packages/${name}`)
}

/** Of all packages at once, and file by file: tsup's own would read all of core for each package that stands on it. */
async function buildTypes() {
  rmSync(TYPES, { recursive: true, force: true })
  if (!(await run(['node_modules/ts7/bin/tsc', '--project', 'scripts/tsconfig.types.json']))) fail('types')
}

function run(args, cwd = '.') {
  const child = spawn(process.execPath, args, { cwd, stdio: 'inherit' })
  return new Promise(resolve => child.on('exit', code => resolve(code === 0)))
}

function fail(what) {
  console.error(`${what} failed to build`)
  process.exitCode = 1
}

// tsup's own CommonJS has no chunks, so that a class reached by two subpaths would be two classes,
// or, split, moves fields and turns import() into require(). File by file, neither happens.
async function addCommonJs(folder) {
  for (const name of readdirSync(folder).filter(name => name.endsWith('.js'))) {
    const text = await toCommonJs(readFileSync(`${folder}/${name}`, 'utf8'))
    writeFileSync(`${folder}/${name.slice(0, -3)}.cjs`, renamed(text, 'js', 'cjs'))
  }
}

async function toCommonJs(text) {
  const supported = { 'dynamic-import': true }
  const { code } = await transform(text, { format: 'cjs', platform: 'node', target: 'es2022', supported })
  return code
}

/** What the package's doors name, and what that names: for `import` and for `require`. */
function addTypes(name) {
  const [from, to] = [`${TYPES}/${name}/src`, `packages/${name}/dist`]
  const { exports, imports } = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'))
  const files = new Set(
    [...JSON.stringify([exports, imports]).matchAll(/\.\/src\/([\w-]+)\.ts/g)].map(([, door]) => door)
  )
  for (const file of files) {
    const text = readFileSync(`${from}/${file}.d.ts`, 'utf8')
    for (const [, named] of text.matchAll(/['"](\.{1,2}\/[\w./-]+)\.ts['"]/g))
      files.add(join(dirname(file), named))
    mkdirSync(dirname(`${to}/${file}`), { recursive: true })
    writeFileSync(`${to}/${file}.d.ts`, renamed(text, 'ts', 'js'))
    writeFileSync(`${to}/${file}.d.cts`, renamed(text, 'ts', 'cjs'))
  }
}

/** With other endings of the files that it names. */
function renamed(text, from, to) {
  return text.replace(new RegExp(`(['"]\\.{1,2}/[\\w./-]+)\\.${from}(?=['"])`, 'g'), `$1.${to}`)
}
