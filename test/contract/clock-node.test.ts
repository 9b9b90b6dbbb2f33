import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createClock } from '../../runtime/node/clock.ts'
import { clockContract } from './clock.ts'

const moduleAddress = new URL('../../runtime/node/clock.js', import.meta.url).href
const program = `
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData).then(({ createClock }) => parentPort.postMessage(createClock().nowMs()))
`

function onOtherThread(): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { eval: true, workerData: moduleAddress })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

clockContract('Node.js', () => ({ clock: createClock(), pass: (ms) => sleep(ms), onOtherThread }))
