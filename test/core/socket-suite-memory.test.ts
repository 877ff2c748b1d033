import { socketPair } from 'socket-signal-memory'
import { socketSuite } from 'socket-signal-testing'
import { test } from '../tools/test.ts'

socketSuite({ test, name: 'memory', pair: async () => socketPair() })

socketSuite({ test, name: 'memory with latency', pair: async () => socketPair({ latency: 1, jitter: 1 }) })
