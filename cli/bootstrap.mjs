/**
 * What `npm start` and `npm test` call: brings a fresh clone to the point where compiled code can run, then runs it.
 *
 *   node cli/bootstrap.mjs start [flags]         a node: dist/cli/main.js serve [flags]
 *   node cli/bootstrap.mjs test [filters]        the suites: dist/test/run.js [filters]
 *   node cli/bootstrap.mjs run <file> [args]     any compiled program, e.g. dist/sim/run.js
 *   node cli/bootstrap.mjs build                 nothing more
 *
 * Three steps, each skipped when its stamp says that nothing changed: packages (a hash of package-lock.json), compiled
 * code (a hash of every source) and outputs without a source (removed, so that a deleted test cannot run any more).
 * The program then runs in this very process: signals, exit code and terminal are its own, and a kill leaves no orphan.
 *
 * JavaScript, because it runs before there is a compiler; the only other is what runs in a browser. Progress goes to stderr.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, extname, join, relative, resolve, sep } from 'node:path'
import { argv, env, execPath, exit, kill, pid, stderr, versions } from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = realpathSync(join(dirname(fileURLToPath(import.meta.url)), '..'))
const dist = join(root, 'dist')
const buildStampFile = join(dist, '.aspen-build')
const lockStampFile = join(root, 'node_modules', '.aspen-lock')
/** Longer than any honest build of this house on a slow machine. */
const lockWaitMsMax = 300_000

/** A trouble whose text is all the user needs. */
class BootstrapError extends Error {}

try {
  await main(argv.slice(2))
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error
  stderr.write(`aspen: ${error.message}\n`)
  exit(1)
}

/** @param {string[]} words */
async function main([command, ...words]) {
  requireNode()
  switch (command) {
    case 'start':
      prepare()
      return runHere('dist/cli/main.js', ['serve', ...words])
    case 'test':
      prepare()
      return runHere('dist/test/run.js', words)
    case 'run':
      if (words[0] === undefined) throw new BootstrapError('run: name the compiled program, e.g. dist/sim/run.js')
      prepare()
      return runHere(words[0], words.slice(1))
    case 'build':
      return prepare()
    default:
      throw new BootstrapError(`unknown command '${command ?? ''}'; wanted start, test, run or build`)
  }
}

function requireNode() {
  const wanted = /(\d+)\.(\d+)/.exec(readJson(join(root, 'package.json')).engines.node)
  const present = /(\d+)\.(\d+)/.exec(versions.node)
  const [major, minor] = [Number(present?.[1]), Number(present?.[2])]
  const [majorMin, minorMin] = [Number(wanted?.[1]), Number(wanted?.[2])]
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return
  throw new BootstrapError(`Node.js ${majorMin}.${minorMin} or newer is needed; this is ${versions.node} (${execPath})`)
}

function prepare() {
  // Both steps are looked at without the lock first: the usual start finds nothing to do and must not wait for anyone.
  if (packagesAreCurrent() && readText(buildStampFile) === hashOfSources(listSources()) && commandsAreLinked()) return
  const unlock = lock()
  try {
    if (!packagesAreCurrent()) install()
    build()
    linkCommands()
  } finally {
    unlock()
  }
}

// --- packages ---------------------------------------------------------------------------------------------------------

function packagesAreCurrent() {
  const lockText = readText(join(root, 'package-lock.json'))
  if (lockText === undefined) throw new BootstrapError('package-lock.json is missing; is this a whole clone?')
  const hash = hashOf(lockText)
  if (readText(lockStampFile) === hash) return true
  if (!installedMatches(lockText)) return false
  writeFileSync(lockStampFile, hash)
  return true
}

/** Somebody may have run npm by hand: what it says it installed is then compared with what the lock file asks for. */
function installedMatches(lockText) {
  const installedText = readText(join(root, 'node_modules', '.package-lock.json'))
  if (installedText === undefined) return false
  const installed = JSON.parse(installedText).packages
  return Object.entries(JSON.parse(lockText).packages).every(([path, wanted]) => {
    if (path === '') return true
    const present = installed[path]
    // Binaries for other platforms are in the lock file but never installed.
    if (present === undefined) return wanted.optional === true
    return present.version === wanted.version && existsSync(join(root, path))
  })
}

function install() {
  const started = begin('installing packages (npm ci)')
  const strict = npm('ci', '--include=dev')
  // A registry that does not carry the binaries of other platforms makes npm write lock files that `npm ci` then calls
  // incomplete. Plain `install` keeps to the same versions and checksums; `--no-save` leaves the lock file alone.
  const refused = strict.status !== 0 && strict.text.includes('EUSAGE')
  if (refused) stderr.write('aspen: npm ci finds the lock file incomplete; using npm install --no-save instead\n')
  const result = refused ? npm('install', '--include=dev', '--no-save') : strict
  if (result.status !== 0) {
    stderr.write(result.text)
    const how = result.signal ?? `exit code ${result.status}`
    throw new BootstrapError(
      `npm ${refused ? 'install' : 'ci'} failed (${how}); its reason is above. Is the registry reachable?`,
    )
  }
  writeFileSync(lockStampFile, hashOf(readText(join(root, 'package-lock.json')) ?? ''))
  end(started)
}

function npm(...words) {
  // Under npm, its own script is known; by hand, `npm` must be on the path.
  const npmScript = env['npm_execpath']
  const allWords = [...words, '--no-audit', '--no-fund', '--loglevel=error']
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1_024 * 1_024 }
  const result = npmScript?.endsWith('.js')
    ? spawnSync(execPath, [npmScript, ...allWords], options)
    : spawnSync('npm', allWords, { ...options, shell: process.platform === 'win32' })
  if (result.error !== undefined) throw new BootstrapError(`npm cannot be run: ${result.error.message}`)
  return { status: result.status, signal: result.signal, text: `${result.stdout}${result.stderr}` }
}

// --- compiled code ----------------------------------------------------------------------------------------------------

function build() {
  const sources = listSources()
  const hash = hashOfSources(sources)
  // Another process may have built while this one waited for the lock.
  if (readText(buildStampFile) === hash) return
  const started = begin('building')
  rmSync(buildStampFile, { force: true })
  removeOrphans(sources)
  // The compiler believes its own notes about what it wrote: when an output is missing, they are worth nothing.
  if (sources.some((path) => isTypeScript(path) && !existsSync(outputOf(path)))) {
    rmSync(join(dist, '.tsbuildinfo'), { force: true })
  }
  compile()
  for (const { program } of commands()) if (existsSync(program)) chmodSync(program, 0o755)
  for (const path of sources) if (isAsset(path)) copyAsset(path)
  writeFileSync(buildStampFile, hash)
  end(started)
}

function compile() {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const result = spawnSync(execPath, [compiler, '-p', 'tsconfig.json'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (result.error !== undefined) throw new BootstrapError(`the compiler cannot be run: ${result.error.message}`)
  if (result.status !== 0) throw new BootstrapError('the build failed; the faults are above')
}

/** The rooms and everything else that decides what the outputs look like, as sorted paths. */
function listSources() {
  const paths = ['package.json', 'package-lock.json', 'tsconfig.json']
  for (const room of rooms()) walk(room, paths)
  return paths.sort()
}

/** The folders of the house, as the compiler sees them. */
function rooms() {
  const include = readJson(join(root, 'tsconfig.json')).include
  return include.filter((room) => existsSync(join(root, room)))
}

function walk(folder, paths) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) walk(path, paths)
    else if (isTypeScript(path) || isAsset(path)) paths.push(path)
  }
}

function isTypeScript(path) {
  return path.endsWith('.ts') && !path.endsWith('.d.ts')
}

/** What compiled code reads beside itself: protocol definitions, pages, recorded traces. */
function isAsset(path) {
  return path.includes('/') && ['.proto', '.html', '.css', '.js', '.svg', '.txt', '.yaml'].includes(extname(path))
}

function outputOf(path) {
  return join(dist, isTypeScript(path) ? path.replace(/\.ts$/, '.js') : path)
}

function copyAsset(path) {
  mkdirSync(dirname(outputOf(path)), { recursive: true })
  copyFileSync(join(root, path), outputOf(path))
}

/** Removes what a source no longer stands behind: a test deleted in the sources must not run from the outputs. */
function removeOrphans(sources) {
  const wanted = new Set()
  for (const path of sources) {
    const output = outputOf(path)
    wanted.add(output)
    if (!isTypeScript(path)) continue
    wanted.add(`${output}.map`)
    wanted.add(output.replace(/\.js$/, '.d.ts'))
  }
  for (const room of existsSync(dist) ? readdirSync(dist, { withFileTypes: true }) : []) {
    if (room.isDirectory()) removeUnwanted(join(dist, room.name), wanted)
  }
}

function removeUnwanted(folder, wanted) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) removeUnwanted(path, wanted)
    else if (!wanted.has(path)) rmSync(path)
  }
}

// --- `npx aspen` ------------------------------------------------------------------------------------------------------

/** npm links the commands of packages it installs, but not those of the house it stands in. */
function commands() {
  const { bin } = readJson(join(root, 'package.json'))
  return Object.entries(bin ?? {}).map(([name, program]) => ({
    link: join(root, 'node_modules', '.bin', name),
    program: join(root, program),
  }))
}

function commandsAreLinked() {
  return process.platform === 'win32' || commands().every(({ link }) => existsSync(link))
}

function linkCommands() {
  if (commandsAreLinked()) return
  for (const { link, program } of commands()) {
    if (!existsSync(program)) continue
    rmSync(link, { force: true })
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(relative(dirname(link), program), link)
  }
}

function hashOfSources(paths) {
  const hash = createHash('sha256')
  // The contents, not the times: a checkout there and back changes every time and nothing else.
  for (const path of paths)
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0')
  return hash.digest('hex')
}

// --- one at a time ----------------------------------------------------------------------------------------------------

/** Three nodes may be started from one clone at once: one prepares, the others wait. */
function lock() {
  const path = join(dist, '.prepare.lock')
  const giveUpAt = Date.now() + lockWaitMsMax
  let told = false
  for (;;) {
    try {
      mkdirSync(dist, { recursive: true })
      const file = openSync(path, 'wx')
      writeSync(file, String(pid))
      closeSync(file)
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw new BootstrapError(`cannot write to ${root}: ${error.message}`)
    }
    if (!lockHolderLives(path)) {
      rmSync(path, { force: true })
      continue
    }
    if (Date.now() > giveUpAt)
      throw new BootstrapError(`another process holds ${path} for too long; remove it if none does`)
    if (!told) stderr.write('aspen: another process is preparing this clone; waiting for it\n')
    told = true
    pauseMs(50)
  }
}

function lockHolderLives(path) {
  const holder = Number(readText(path) ?? '')
  // Created a moment ago and not yet written: give its owner the time.
  if (holder === 0) {
    pauseMs(200)
    if (Number(readText(path) ?? '') === 0) return false
    return true
  }
  try {
    kill(holder, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function pauseMs(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

// --- the program ------------------------------------------------------------------------------------------------------

async function runHere(program, words) {
  const path = resolve(root, program)
  if (relative(root, path).startsWith(`..${sep}`) || !existsSync(path)) {
    throw new BootstrapError(`there is no compiled program ${program}`)
  }
  argv.splice(1, argv.length, path, ...words)
  // Stack traces then name the lines of the sources.
  process.setSourceMapsEnabled(true)
  await import(pathToFileURL(path).href)
}

// --- small things -----------------------------------------------------------------------------------------------------

function begin(what) {
  stderr.write(`aspen: ${what} …\n`)
  return { what, at: performance.now() }
}

function end({ what, at }) {
  stderr.write(`aspen: ${what}: done in ${((performance.now() - at) / 1_000).toFixed(1)} s\n`)
}

function hashOf(text) {
  return createHash('sha256').update(text).digest('hex')
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  }
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}
