const DOORS = ['index', 'client', 'server', 'server-map', 'peer', 'errors', 'wire', 'browser', 'detour']
const BASICS = ['bounds', 'bytes', 'errors', 'clock', 'deferred', 'wait']
const GROUND = [...BASICS, 'emitter', 'resource', 'identity', 'primitives', 'signer', 'noble', 'sha512']

// core/src from the ground up: each file, and the files that it may import. ARCHITECTURE.md says why.
const FILES = {
  ...Object.fromEntries(GROUND.map(name => [name, GROUND])),
  batch: BASICS,
  bucket: BASICS,

  socket: BASICS,
  'stream-socket': [...BASICS, 'socket'],
  frame: ['bytes', 'errors', 'protocol'],
  protocol: ['errors', 'frame'],
  limits: ['assert', 'protocol'],
  history: [...BASICS, 'assert', 'backplane', 'codec', 'frame'],
  listing: ['backplane', 'bytes', 'codec', 'frame', 'message', 'protocol'],
  noble: ['bytes', 'sha512', 'signer'],
  'left-out': ['errors'],
  'lean-primitives': ['left-out', 'signer'],
  sha512: [],
  names: [...BASICS, 'primitives'],
  'no-stream-socket': ['assert', 'socket', 'stream-socket'],
  assert: BASICS,
  lru: BASICS,
  limiter: [],
  codec: [...BASICS, 'protocol', 'assert'],
  inbox: [...BASICS, 'socket'],
  rpc: [...BASICS, 'resource', 'socket', 'frame', 'protocol'],

  away: [...BASICS, 'limits'],
  backplane: [...BASICS, 'away', 'frame'],
  'small-set': [],
  slab: [...BASICS],
  topics: [],
  'memory-backplane': [
    ...[...BASICS, 'identity', 'away', 'backplane', 'frame', 'history', 'small-set', 'topics']
  ],
  message: [...BASICS, 'frame', 'codec', 'protocol', 'backplane'],
  offers: [...BASICS, 'frame', 'limits', 'lru', 'message'],
  rates: [...BASICS, 'bucket', 'limits'],
  expiry: ['limits'],
  // Types alone.
  'connection-options': ['away', 'connection', 'frame', 'offers', 'socket'],
  connection: [
    ...BASICS,
    'connection-options',
    'away',
    'rates',
    'expiry',
    'offers',
    'small-set',
    'inbox',
    'socket',
    'rpc',
    'frame',
    'protocol',
    'message',
    'backplane'
  ],
  kick: [...BASICS, 'connection-options'],
  'ice-handout': [...BASICS, 'assert', 'codec', 'connection', 'ice', 'protocol'],
  presence: [...BASICS, 'batch', 'frame', 'protocol', 'connection', 'backplane'],
  'server-options': [
    ...BASICS,
    'codec',
    'connection-options',
    'assert',
    'connection',
    'ice-handout',
    'identity',
    'limits',
    'message',
    'socket'
  ],
  gate: [...BASICS, 'connection', 'message', 'server-options'],
  admission: [
    ...[
      ...BASICS,
      'away',
      'connection',
      'connection-options',
      'frame',
      'gate',
      'ice-handout',
      'identity',
      'limits',
      'protocol'
    ],
    ...['server-options', 'slab', 'socket']
  ],
  router: [
    ...[...BASICS, 'codec', 'connection', 'frame', 'gate', 'limits', 'listing', 'message'],
    ...['server-options']
  ],
  hooks: [...BASICS, 'away', 'connection', 'frame', 'limits', 'message', 'resource', 'server-options'],
  server: [
    ...[
      ...BASICS,
      'admission',
      'away',
      'connection',
      'connection-options',
      'gate',
      'hooks',
      'ice-handout',
      'identity',
      'message'
    ],
    ...['protocol', 'router', 'server-options', 'socket', 'stream-socket']
  ],
  feeds: [...BASICS, 'backplane', 'connection', 'presence'],
  'server-map': [
    ...[...BASICS, 'assert', 'server', 'connection', 'connection-options', 'message', 'feeds'],
    ...['codec', 'frame', 'away', 'backplane', 'memory-backplane', 'bucket', 'history', 'kick'],
    ...['listing', 'lru']
  ],

  rtc: BASICS,
  signal: [...BASICS, 'codec', 'rtc'],
  trace: ['clock'],
  candidates: ['rtc'],
  path: [...BASICS, 'rtc', 'trace'],
  negotiation: [...BASICS, 'rtc'],
  recovery: [...BASICS, 'path', 'peer'],
  // Loaded when somebody asks.
  explain: [...BASICS, 'advice', 'path', 'peer', 'trace'],
  advice: ['explain', 'path'],
  diagnose: [...BASICS, 'advice', 'client', 'host', 'peers', 'rtc', 'trace'],
  'in-band': ['bytes', 'protocol', 'rtc'],
  ice: [...BASICS, 'assert', 'codec'],
  'ice-source': [...BASICS, 'codec', 'ice', 'protocol', 'rtc'],
  peer: [...BASICS, 'emitter', 'resource', 'codec', 'rtc', 'explain', 'path', 'trace'],
  reconnect: [...BASICS, 'assert'],
  seal: [...BASICS, 'identity', 'frame', 'protocol', 'lru'],
  // Types alone.
  host: [
    ...GROUND,
    'candidates',
    'detour',
    'frame',
    'ice-source',
    'limiter',
    'link',
    'messages',
    'peer',
    'seal',
    'session',
    'client-options'
  ],
  live: [...BASICS, 'socket', 'rpc', 'frame', 'protocol'],
  heartbeat: [...BASICS, 'host', 'live'],
  greeter: [...BASICS, 'frame', 'host', 'identity', 'live', 'protocol'],
  link: [
    ...[...BASICS, 'frame', 'greeter', 'heartbeat', 'host', 'live', 'protocol', 'reconnect', 'rpc'],
    ...['socket', 'token']
  ],
  memberships: [...GROUND, 'host', 'link', 'rpc', 'frame', 'protocol', 'codec'],
  outbox: [...BASICS, 'batch', 'negotiation', 'rtc'],
  opening: [...BASICS, 'host', 'frame', 'seal'],
  session: [
    ...GROUND,
    'host',
    'limiter',
    'frame',
    'protocol',
    'codec',
    'rtc',
    'signal',
    'peer',
    'seal',
    'path',
    'negotiation',
    'opening',
    'outbox',
    'recovery',
    'in-band'
  ],
  sessions: [...GROUND, 'host', 'lru', 'frame', 'opening', 'peer', 'session'],
  recall: [...GROUND, 'assert', 'frame', 'host', 'messages'],
  messages: [...GROUND, 'host', 'limiter', 'lru', 'rpc', 'frame', 'protocol', 'codec', 'seal'],
  // For what stands on a client; but for frames, types alone.
  detour: [...GROUND, 'host', 'frame', 'session'],
  peers: ['host', 'ice', 'ice-source', 'memberships', 'messages', 'path', 'seal', 'sessions'],
  // What they load, or leave out; else types alone.
  parts: ['candidates', 'client', 'diagnose', 'explain', 'host', 'ice', 'peer', 'peers', 'recall', 'shapes'],
  shapes: ['assert', 'client-options', 'codec', 'ice'],
  'lean-parts': ['left-out', 'peers'],
  browser: ['client'],
  // For other systems' doors.
  wire: ['bytes', 'bucket', 'clock', 'codec', 'errors', 'frame', 'protocol', 'resource', 'rpc', 'signal'],
  // But for what it asserts, types alone.
  'client-options': [
    'parts',
    ...[...GROUND, 'assert', 'candidates', 'codec', 'heartbeat', 'ice', 'memberships', 'messages', 'peer'],
    ...['protocol', 'reconnect', 'rtc', 'seal']
  ],
  'client-hooks': ['client-options', 'peer', 'resource', 'session'],
  token: [...BASICS, 'client-options', 'host', 'link', 'resource'],
  dialer: [...BASICS, 'client-options', 'codec', 'host', 'peer', 'resource', 'sessions'],
  client: [
    ...[
      ...GROUND,
      'client-hooks',
      'client-options',
      'dialer',
      'host',
      'assert',
      'limiter',
      'socket',
      'stream-socket',
      'frame',
      'protocol',
      'codec'
    ],
    ...['rtc', 'parts', 'peer', 'reconnect', 'link', 'memberships', 'token', 'trace'],
    // Of the lazily loaded, types alone.
    ...['detour', 'diagnose', 'recall', 'session', 'sessions', 'messages']
  ],

  index: ['[^/]+']
}

// The packages that only some files of core may import.
const OWNED = {
  'simple-peer': ['rtc'],
  '@noble': ['noble', 'primitives', 'away']
}

// What each package may import of its siblings.
const PACKAGES = {
  core: [],
  memory: ['core'],
  websocket: ['core'],
  testing: ['core', 'memory'],
  token: ['core'],
  redis: ['core'],
  gateway: ['core'],
  swarm: ['core'],
  room: ['core', 'swarm'],
  sdk: ['core', 'websocket', 'token', 'room'],
  server: ['core', 'websocket', 'token', 'redis', 'gateway', 'room']
}

const inCore = names => `^packages/core/src/(${names.join('|')})\\.(d\\.)?ts$`
const inPackages = names => `^packages/(${names.join('|')})/`

const files = Object.entries(FILES).map(([name, allowed]) => ({
  name: `core/${name} imports only its row`,
  from: { path: inCore([name]) },
  to: { path: '^packages/', pathNot: inCore([name, ...allowed]) }
}))

const owned = Object.entries(OWNED).map(([name, owners]) => ({
  name: `${name} is imported by ${owners} alone`,
  from: { path: '^packages/core/src/', pathNot: inCore(owners) },
  to: { path: `/node_modules/${name}/` }
}))

const packages = Object.entries(PACKAGES).map(([name, allowed]) => ({
  name: `${name} imports only ${['itself', ...allowed].join(', ')}`,
  from: { path: inPackages([name]) },
  to: { path: '^packages/', pathNot: inPackages([name, ...allowed]) }
}))

const meets = (one, other) => ({
  name: `${one} never meets ${other}`,
  from: { path: inCore([one]) },
  to: { path: inCore([other]), reachable: true }
})

const forbidden = [
  ...files,
  ...owned,
  ...packages,
  meets('client', 'server'),
  meets('server', 'client'),
  {
    name: 'each file of core has a row',
    from: { path: '^packages/core/src/', pathNot: inCore(Object.keys(FILES)) },
    to: {}
  },
  {
    name: 'each package has a row',
    from: { path: '^packages/', pathNot: inPackages(Object.keys(PACKAGES)) },
    to: {}
  },
  {
    name: 'core is entered by its doors',
    from: { path: '^(packages|examples|bench)/', pathNot: '^packages/core/' },
    to: { path: '^packages/core/', pathNot: inCore(DOORS) }
  },
  { name: 'core knows no Node', from: { path: '^packages/core/' }, to: { dependencyTypes: ['core'] } },
  {
    name: 'no cycles but of types',
    from: { path: '^packages/' },
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }
  },
  // But for what SvelteKit makes.
  { name: 'imports can be found', from: {}, to: { couldNotResolve: true, pathNot: '^\\$env/' } }
]

export default {
  forbidden: forbidden.map(rule => ({ severity: 'error', ...rule })),
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(packages|examples)/[^/]+/((dist|build|\\.next|\\.svelte-kit)/|next-env)' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['@socket-signal/source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.json']
    }
  }
}
