import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Application, Converter, MinimalSourceFile, ReflectionKind } from 'typedoc'

/** Of core: what types are made of, and users neither make nor name. */
const BEHIND =
  'AnyPlain COMES_BACK FINAL FORWARDED InboxOwner KIND Plain RETRYABLE TERMINAL Unnumbered USUAL'.split(' ')

const packages = readdirSync('packages').map(name => {
  const folder = join(process.cwd(), 'packages', name)
  return { folder, ...JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) }
})

const app = await Application.bootstrap({
  // What users import: each entry of each package's exports, named by its `@module`.
  entryPoints: packages.flatMap(entriesOf),
  projectDocuments: ['packages/core/PROTOCOL.md', 'ARCHITECTURE.md', 'docs/*.md', 'CHANGELOG.md'],
  tsconfig: 'scripts/docs.tsconfig.json',
  name: 'socket-signal',
  out: 'dist/docs',
  disableSources: true,
  headings: { readme: false, document: false },
  groupReferencesByType: true,
  excludeInternal: true,
  // `npm run check` does that, faster.
  skipErrorChecking: true,
  packagesRequiringDocumentation: packages.map(({ name }) => name),
  requiredToBeDocumented: [
    ...['Module', 'Class', 'Interface', 'Function', 'TypeAlias', 'Variable', 'Enum', 'EnumMember'],
    ...['Method', 'Property', 'Accessor']
  ]
})
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  addReadmes(project)
  nameDocuments(project)
})

const project = await app.convert()
if (project) {
  excuseNameless(project)
  validate(project, { notDocumented: true, invalidLink: true, invalidPath: true })
  // Of one package at a time: types of any other are taken for somebody else's.
  for (const { name } of packages) {
    project.packageName = name
    app.options.setValue('intentionallyNotExported', name === 'socket-signal' ? BEHIND : [])
    validate(project, { notExported: true })
  }
  await app.generateOutputs(project)
}
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1

function entriesOf({ folder, exports }) {
  return Object.values(exports).flatMap(entry => {
    const source = entry['@socket-signal/source']
    return source ? join(folder, source.default ?? source) : []
  })
}

/** Each package's README stands before its names, and links to it lead there. */
function addReadmes(project) {
  for (const { name, folder } of packages) {
    const module = project.getChildByName([name])
    const file = join(folder, 'README.md')
    // Its title is that of the page.
    const text = new MinimalSourceFile(readFileSync(file, 'utf8').replace(/^# .*/, ''), file)
    module.readme = app.converter.parseRawComment(text, project.files).content
    project.files.registerReflectionPath(file, module)
  }
}

/** By their titles, in place of their paths. */
function nameDocuments({ documents = [] }) {
  for (const document of documents)
    document.name = /^# (.*)/.exec(document.content[0].text)?.[1] ?? document.name
}

/** Fields of a type without a name are told of by what has that type. TypeDoc excuses those of parameters alone. */
function excuseNameless(project) {
  const fields = project.getReflectionsByKind(ReflectionKind.Property | ReflectionKind.Method)
  const names = fields.filter(isNameless).map(field => field.getFriendlyFullName())
  app.options.setValue('intentionallyNotDocumented', [...new Set(names)])
}

function isNameless(field) {
  const holders = []
  for (let each = field; each; each = each.parent) holders.push(each)
  const has = kind => holders.some(each => each.kindOf(kind))
  const type = holders.find(each => each.kindOf(ReflectionKind.TypeLiteral))
  const isOurs = packages.some(({ name }) => name === project.getSymbolIdFromReflection(field)?.packageName)
  const isUndocumented = ![field, ...(field.signatures ?? [])].some(each => each.hasComment())
  if (!type || !isOurs || !isUndocumented || has(ReflectionKind.Parameter)) return false
  return !type.parent.kindOf(ReflectionKind.TypeAlias) || type.parent.type.type === 'union'
}

function validate(project, checks) {
  const none = { notDocumented: false, invalidLink: false, invalidPath: false, notExported: false }
  app.options.setValue('validation', { ...none, ...checks })
  app.validate(project)
}
