/**
 * Makes the tree that holds all mutants: a copy of the sources with the switches planted, compiled once, in a folder that
 * goes away with its owner. The product and its own build are only read.
 */
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { allMutations } from './all.ts'
import { plant } from './plant.ts'

export interface Grown {
  /** Compiled files, as `dist` has them. */
  readonly folder: string
  remove(): void
}

/** What a trial needs; the compiler takes what these import besides. */
const entries = ['test/mutations/trial.ts', 'test/scenarios']
const switchType = `// biome-ignore lint: any, because a literal type would make two switches in one expression exclude each other.
declare var aspenMutant: any\n`

/** Where the sources are: above the compiled file that asks, or where the caller stands. */
export function sourceRoot(): string {
  const candidates = [fileURLToPath(new URL('../../..', import.meta.url)), process.cwd()]
  const root = candidates.find((each) => existsSync(join(each, 'actors/raft/core.ts')))
  if (root === undefined) throw new RangeError(`mutants: wanted sources in ${candidates.join(' or ')}, found none`)
  return root
}

/** What is wrong with the tables: mutants that do not fit the sources below `root`. */
export function faultsOfMutations(root: string): readonly string[] {
  return plant(allMutations, (path) => readText(join(root, path))).faults
}

/** @throws {RangeError} A mutant does not fit its source. @throws {Error} The tree does not compile. */
export async function grow(root: string): Promise<Grown> {
  const { texts, faults } = plant(allMutations, (path) => readText(join(root, path)))
  if (faults.length > 0) throw new RangeError(`mutants do not fit the sources:\n  ${faults.join('\n  ')}`)
  const folder = mkdtempSync(join(tmpdir(), 'aspen-mutants-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    copySources(root, folder, texts)
    await compile(root, folder)
  } catch (error) {
    remove()
    throw error
  }
  return { folder: join(folder, 'out'), remove }
}

function copySources(root: string, folder: string, bent: ReadonlyMap<string, string>): void {
  for (const room of roomsOf(root)) copyRoom(root, folder, room, bent)
  for (const to of ['', 'out']) {
    mkdirSync(join(folder, to), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, to, 'node_modules'))
    writeFileSync(join(folder, to, 'package.json'), readFileSync(join(root, 'package.json')))
  }
  writeFileSync(join(folder, 'switch.d.ts'), switchType)
  const compilerOptions = {
    rootDir: folder,
    outDir: join(folder, 'out'),
    incremental: false,
    declaration: false,
    isolatedDeclarations: false,
    sourceMap: false,
  }
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['switch.d.ts', ...entries] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
}

function roomsOf(root: string): readonly string[] {
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as { include: readonly string[] }
  return include.filter((room) => existsSync(join(root, room)))
}

function copyRoom(root: string, folder: string, room: string, bent: ReadonlyMap<string, string>): void {
  mkdirSync(join(folder, room), { recursive: true })
  for (const entry of readdirSync(join(root, room), { withFileTypes: true })) {
    const path = `${room}/${entry.name}`
    if (entry.isDirectory()) copyRoom(root, folder, path, bent)
    else if (path.endsWith('.ts')) writeFileSync(join(folder, path), bent.get(path) ?? readFileSync(join(root, path)))
  }
}

async function compile(root: string, folder: string): Promise<void> {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  // Elsewhere than in this process: whoever shows progress goes on showing it.
  const child = spawn(process.execPath, [compiler, '-p', join(folder, 'tsconfig.json')], { cwd: folder })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()))
  const code = await new Promise<number | null>((done, failed) => child.on('close', done).on('error', failed))
  if (code !== 0) throw new Error(`the tree with the mutants does not compile:\n${said}`)
  mkdirSync(dirname(join(folder, 'out')), { recursive: true })
}

function readText(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
