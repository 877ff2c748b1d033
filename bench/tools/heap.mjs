import { text } from 'node:stream/consumers'
import { getHeapSnapshot } from 'node:v8'

/** Of strings, numbers and tables V8 tells no class. */
const KINDS = {
  closure: 'functions',
  string: 'strings',
  'concatenated string': 'strings',
  'sliced string': 'strings',
  number: 'numbers',
  array: 'tables'
}

/** What this process holds, by the class of objects and the kind of all else. Unit: bytes. */
export async function heapByKind() {
  const { snapshot, nodes, strings } = JSON.parse(await text(getHeapSnapshot()))
  const { node_fields: fields, node_types: types } = snapshot.meta
  const at = name => fields.indexOf(name)
  const [type, name, size] = [at('type'), at('name'), at('self_size')]
  const kinds = {}
  for (let node = 0; node < nodes.length; node += fields.length) {
    const word = types[type][nodes[node + type]]
    const isNamed = word === 'object' || word === 'native'
    const kind = KINDS[word] ?? (isNamed ? strings[nodes[node + name]] : word)
    kinds[kind] = (kinds[kind] ?? 0) + nodes[node + size]
  }
  return kinds
}
