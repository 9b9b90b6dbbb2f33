/** Runs a compiled example or snippet as a user would: a process of its own, in an empty folder of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ProgramResult {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly lastLine: string
  readonly output: string
}

const limitMs = 60_000

/** `program` is the path of a JavaScript file. What outlives the limit is killed and has no exit code. */
export function runProgram(program: string): Promise<ProgramResult> {
  const folder = mkdtempSync(join(tmpdir(), 'aspen-example-'))
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', program], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8')
      output += chunk.toString('utf8')
    })
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
    })
    child.on('error', reject)
    child.on('close', (exitCode, signal) => {
      rmSync(folder, { recursive: true, force: true })
      resolve({ exitCode, signal, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '', output })
    })
  })
}

/** What a source promises with `// prints: …`; undefined when it promises nothing. */
export function promisedLine(source: string): string | undefined {
  return /^\/\/ prints: (.+)$/m.exec(source)?.[1]?.trim()
}
