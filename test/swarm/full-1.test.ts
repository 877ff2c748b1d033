import { complete } from '../tools/mesh-world.ts'

complete(1)
