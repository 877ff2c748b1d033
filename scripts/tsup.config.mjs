import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'tsup'

const pkg = JSON.parse(readFileSync('package.json', 'utf8'))
const doors = JSON.stringify([pkg.exports, pkg.imports]).match(/\.\/src\/[\w-]+\.ts/g)
const bins = Object.values(pkg.bin ?? {}).map(file => `./src/${basename(file, '.js')}.ts`)
const isCore = pkg.name === 'socket-signal'

export default defineConfig({
  entry: [...doors, ...bins].filter(file => existsSync(file)),
  tsconfig: fromRoot('tsconfig.json'),
  format: 'esm',
  target: 'es2022',
  platform: isCore ? 'browser' : 'node',
  splitting: true,
  clean: true,
  silent: true,
  removeNodeProtocol: false,
  external: [/^#/]
})

function fromRoot(path) {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}
