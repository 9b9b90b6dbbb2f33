// `npm start` on a fresh clone is the first thing a user sees of us. Here it prepares small houses of its own.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { houseRoot } from '../../tidy/house.ts'

const roots: string[] = []

after(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true })
})

const manifest = {
  name: 'small',
  version: '1.0.0',
  type: 'module',
  engines: { node: '>=20.17' },
  bin: { small: './dist/cli/main.js' },
}
const lockFile = { name: 'small', version: '1.0.0', lockfileVersion: 3, requires: true, packages: { '': manifest } }
const mainProgram =
  "#!/usr/bin/env node\nconsole.log(process.argv.slice(2).join(' '))\nprocess.exitCode = 7\nexport {}\n"

/** A house with one program, and the compiler already installed. */
function smallHouse(): string {
  const root = mkdtempSync(join(tmpdir(), 'aspen-house-'))
  roots.push(root)
  write(root, 'package.json', JSON.stringify(manifest))
  write(root, 'package-lock.json', JSON.stringify(lockFile))
  write(root, 'node_modules/.package-lock.json', JSON.stringify({ packages: {} }))
  symlinkSync(join(houseRoot, 'node_modules', 'typescript'), join(root, 'node_modules', 'typescript'))
  symlinkSync(join(houseRoot, 'node_modules', '@types'), join(root, 'node_modules', '@types'))
  symlinkSync(join(houseRoot, 'node_modules', 'undici-types'), join(root, 'node_modules', 'undici-types'))
  cpSync(join(houseRoot, 'tsconfig.json'), join(root, 'tsconfig.json'))
  mkdirSync(join(root, 'cli'))
  cpSync(join(houseRoot, 'cli', 'bootstrap.mjs'), join(root, 'cli', 'bootstrap.mjs'))
  write(root, 'cli/main.ts', mainProgram)
  return root
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function bootstrap(root: string, ...words: string[]): Outcome {
  return bootstrapWith({}, root, ...words)
}

function bootstrapWith(extra: Readonly<Record<string, string>>, root: string, ...words: string[]): Outcome {
  const { npm_execpath: _script, ...environment } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'cli', 'bootstrap.mjs'), ...words], {
    encoding: 'utf8',
    env: { ...environment, ...extra },
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

test('start builds, passes flags on and keeps the exit code; a second start does nothing but start', () => {
  const root = smallHouse()

  const first = bootstrap(root, 'start', '--name', 'n1')
  const second = bootstrap(root, 'start', '--name', 'n1')

  assert.match(first.stderr, /^aspen: building …\naspen: building: done in [\d.]+ s\n$/)
  assert.deepEqual(second, { status: 7, stdout: 'serve --name n1\n', stderr: '' })
  assert.deepEqual({ ...first, stderr: '' }, second)
})

test('a changed source is built again, a deleted one leaves no output behind', () => {
  const root = smallHouse()
  write(root, 'test/unit/old.test.ts', 'export const a = 1\n')
  write(root, 'client/proto/a.proto', 'syntax = "proto3";\n')
  bootstrap(root, 'build')
  assert.ok(existsSync(join(root, 'dist/test/unit/old.test.js')))
  assert.ok(existsSync(join(root, 'dist/client/proto/a.proto')))

  rmSync(join(root, 'test/unit/old.test.ts'))
  write(root, 'cli/main.ts', "console.log('new')\nexport {}\n")
  const result = bootstrap(root, 'run', 'dist/cli/main.js')

  assert.deepEqual([result.status, result.stdout], [0, 'new\n'])
  assert.ok(!existsSync(join(root, 'dist/test/unit/old.test.js')))
  assert.ok(!existsSync(join(root, 'dist/test/unit/old.test.d.ts')))
})

test('the commands of the house are linked, so that npx finds them', () => {
  const root = smallHouse()
  bootstrap(root, 'build')

  const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/small'), ['put', 'a', '1'], { encoding: 'utf8' })

  assert.deepEqual([status, stdout], [7, 'put a 1\n'])
})

test('an output that vanished comes back with the next build', () => {
  const root = smallHouse()
  bootstrap(root, 'build')

  rmSync(join(root, 'dist/cli/main.js'))
  write(root, 'base/a.ts', 'export const a = 1\n')

  assert.equal(bootstrap(root, 'start').status, 7)
})

test('a house that does not compile starts nothing, says why, and tries again next time', () => {
  const root = smallHouse()
  bootstrap(root, 'build')
  write(root, 'cli/main.ts', "const n: number = 'text'\nconsole.log(n)\n")

  for (let round = 0; round < 2; round++) {
    const { status, stdout, stderr } = bootstrap(root, 'start')

    assert.deepEqual([status, stdout], [1, ''])
    assert.match(stderr, /cli\/main\.ts\(1,7\): error/)
    assert.match(stderr, /aspen: the build failed/)
  }
})

/** Stands in for npm: notes down how it was called, then does as it is told. */
function withNpm(root: string, program: string): Readonly<Record<string, string>> {
  write(root, 'npm.js', `import { appendFileSync } from 'node:fs'\nconst command = process.argv[2]\n${program}`)
  rmSync(join(root, 'node_modules/.package-lock.json'))
  return { npm_execpath: join(root, 'npm.js') }
}

const note = "appendFileSync('npm.log', `${process.argv.slice(2, 5).join(' ')}\\n`)\n"

test('packages that do not match the lock file are installed, once', () => {
  const root = smallHouse()
  const npm = withNpm(root, note)

  const first = bootstrapWith(npm, root, 'start')
  const second = bootstrapWith(npm, root, 'start')

  assert.deepEqual([first.status, second.status, second.stderr], [7, 7, ''])
  assert.equal(readFileSync(join(root, 'npm.log'), 'utf8'), 'ci --include=dev --no-audit\n')
})

test('a changed lock file installs again', () => {
  const root = smallHouse()
  bootstrap(root, 'build')
  const npm = withNpm(root, note)
  write(root, 'package-lock.json', `${JSON.stringify(lockFile)}\n`)

  bootstrapWith(npm, root, 'start')

  assert.equal(readFileSync(join(root, 'npm.log'), 'utf8'), 'ci --include=dev --no-audit\n')
})

test('a lock file without the binaries of other platforms still installs', () => {
  const root = smallHouse()
  const npm = withNpm(
    root,
    `${note}if (command === 'ci') {\n  console.error('npm error code EUSAGE')\n  process.exit(1)\n}\n`,
  )

  const { status, stderr } = bootstrapWith(npm, root, 'start')

  assert.equal(status, 7)
  assert.match(stderr, /aspen: npm ci finds the lock file incomplete; using npm install --no-save instead/)
  assert.doesNotMatch(stderr, /EUSAGE/)
  assert.equal(
    readFileSync(join(root, 'npm.log'), 'utf8'),
    'ci --include=dev --no-audit\ninstall --include=dev --no-save\n',
  )
})

test('a failed install starts nothing, and says what npm said', () => {
  const root = smallHouse()
  const npm = withNpm(root, "console.error('npm error network')\nprocess.exit(1)\n")

  const { status, stdout, stderr } = bootstrapWith(npm, root, 'start')

  assert.deepEqual([status, stdout], [1, ''])
  assert.match(stderr, /npm error network\naspen: npm ci failed \(exit code 1\); its reason is above/)
})

test('a Node.js that is too old is named, with the one that is wanted', () => {
  const root = smallHouse()
  write(root, 'package.json', JSON.stringify({ ...manifest, engines: { node: '>=99.1' } }))

  const { status, stderr } = bootstrap(root, 'start')

  assert.equal(status, 1)
  assert.equal(
    stderr,
    `aspen: Node.js 99.1 or newer is needed; this is ${process.versions.node} (${process.execPath})\n`,
  )
})

test('the program gets the signals itself, and no child is left behind', async () => {
  const root = smallHouse()
  write(
    root,
    'cli/main.ts',
    "process.on('SIGTERM', () => {\n  console.log('in order')\n  process.exit(0)\n})\nsetInterval(() => {}, 1_000)\nconsole.log(process.pid)\nexport {}\n",
  )
  bootstrap(root, 'build')
  const child = spawn(process.execPath, [join(root, 'cli', 'bootstrap.mjs'), 'start'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let stdout = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8')
    if (stdout === `${child.pid}\n`) child.kill('SIGTERM')
  })

  const [code] = await once(child, 'close')

  assert.equal(code, 0)
  assert.equal(stdout, `${child.pid}\nin order\n`)
})

test('two starts at once build once', async () => {
  const root = smallHouse()

  const outputs = await Promise.all(
    [1, 2].map(async () => {
      const child = spawn(process.execPath, [join(root, 'cli', 'bootstrap.mjs'), 'start'], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let stderr = ''
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString('utf8')
      })
      const [code] = await once(child, 'close')
      return { code, built: stderr.includes('done in') }
    }),
  )

  assert.deepEqual(
    outputs.map(({ code }) => code),
    [7, 7],
  )
  assert.equal(outputs.filter(({ built }) => built).length, 1)
})
