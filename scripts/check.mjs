import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

const packages = readdirSync('packages').map(name => `packages/${name}`)
const sources = [...packages.map(folder => `${folder}/src`), 'test', 'examples', 'bench'].filter(folder =>
  existsSync(folder)
)

const STEPS = {
  types: [['ts7/bin/tsc']],
  lint: [['@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']],
  imports: [
    ['dependency-cruiser/bin/dependency-cruise.mjs', '--config', '.dependency-cruiser.mjs', ...sources]
  ],
  unused: [['knip/bin/knip.js', '--no-config-hints']],
  docs: [['../scripts/docs.mjs']],
  build: [['../scripts/build.mjs']],
  publint: packages.map(folder => ['publint/src/cli.js', folder, '--strict', '--pack', 'npm']),
  attw: packages.map(folder => [
    ...['@arethetypeswrong/cli/dist/index.js', '--pack', folder],
    ...['--profile', 'node16', '--format', 'ascii']
  ]),
  size: [['../scripts/size.mjs', '--check']]
}

const only = process.argv.slice(2)
const failed = Object.keys(STEPS)
  .filter(step => only.length === 0 || only.includes(step))
  .filter(fails)
if (failed.length > 0) {
  console.log(`\ncheck failed: ${failed.join(', ')}`)
  process.exitCode = 1
}

function fails(step) {
  const started = Date.now()
  const results = STEPS[step].map(([script, ...args]) => runQuietly(`node_modules/${script}`, args))
  const ok = results.every(({ status }) => status === 0)
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${step} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
  for (const { status, output } of results) if (status !== 0 || step === 'size') console.log(output)
  return !ok
}

function runQuietly(script, args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}`.trim() }
}
