// A page that shows code which does not compile, or a command that is not there, misleads everyone who trusts it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { before, test } from 'node:test'
import { houseRoot } from '../tidy/house.ts'
import { missingCommands, type Offer, readOffer } from './commands.ts'
import { promisedLine, runProgram } from './program.ts'
import { readPages, snippetsOf } from './snippets.ts'

const snippets = readPages(houseRoot).flatMap(({ path, text }) => snippetsOf(path, text))
const typescript = snippets.filter(({ language }) => language === 'ts')
const shell = snippets.filter(({ language }) => language === 'sh')

// Inside the house, so that `import … from 'aspen'` finds the house itself, as it would find the installed package.
const workshop = join(houseRoot, 'dist', 'snippets')

before(() => {
  rmSync(workshop, { recursive: true, force: true })
  mkdirSync(workshop, { recursive: true })
  for (const { name, code } of typescript) {
    mkdirSync(dirname(join(workshop, name)), { recursive: true })
    writeFileSync(join(workshop, `${name}.ts`), `${code}export {}\n`)
  }
  writeFileSync(join(workshop, 'tsconfig.json'), JSON.stringify(projectOfSnippets()))
})

/** The compiler options of the house, less what is about being part of its build. */
function projectOfSnippets(): unknown {
  return {
    extends: '../../tsconfig.json',
    compilerOptions: {
      rootDir: '.',
      outDir: 'out',
      incremental: false,
      tsBuildInfoFile: null,
      declaration: false,
      isolatedDeclarations: false,
      noUnusedLocals: false,
    },
    include: ['**/*.ts'],
    exclude: ['out'],
  }
}

test('the pages hold snippets of code and of commands', () => {
  assert.ok(typescript.length >= 3, `only ${typescript.length} TypeScript snippets were found`)
  assert.ok(shell.length >= 3, `only ${shell.length} shell snippets were found`)
})

test('every fence is closed and names its language', () => {
  const nameless = snippets.filter(({ language }) => language === '')

  assert.deepEqual(
    nameless.map(({ at }) => at),
    [],
  )
  for (const { path, text } of readPages(houseRoot)) {
    assert.equal((text.match(/^\s*```/gm) ?? []).length % 2, 0, `${path} opens a code block that it does not close`)
  }
})

test('every TypeScript snippet compiles against the package as users see it', () => {
  const compiler = join(houseRoot, 'node_modules', 'typescript', 'bin', 'tsc')

  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-p', join(workshop, 'tsconfig.json')], {
    encoding: 'utf8',
    timeout: 120_000,
  })

  assert.equal(status, 0, `${stdout}${stderr}`)
})

for (const { at, name, code } of typescript.filter(({ words }) => words.includes('run'))) {
  test(`the snippet at ${at} runs and prints what it promises`, async () => {
    const result = await runProgram(join(workshop, 'out', `${name}.js`))

    assert.equal(result.exitCode, 0, `ended by ${result.signal ?? `exit code ${result.exitCode}`}:\n${result.output}`)
    const promised = promisedLine(code)
    if (promised !== undefined) assert.equal(result.lastLine, promised, result.output)
  })
}

test('every command that is shown exists', () => {
  const offer = readOffer(houseRoot, commandsOfAspen())

  const missing = shell.flatMap(({ at, code }) => missingCommands(code, offer).map((reason) => `${at}: ${reason}`))

  assert.deepEqual(missing, [])
})

/** What `aspen --help` lists. */
function commandsOfAspen(): readonly string[] {
  const main = join(houseRoot, 'dist', 'cli', 'main.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--help'], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
  const listed = stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}(\w[\w-]*)/gm)
  return [...listed].map(([, name = '']) => name)
}

test('a command that does not exist is found out', () => {
  const offer: Offer = {
    scripts: ['sim', 'aspen'],
    aspenCommands: ['put'],
    exists: (path) => path === 'cli/bootstrap.mjs',
  }

  const missing = missingCommands(
    'npm run sim -- --seeds 5   # fine\nnpm run simm\nNAME=x npx aspen put a 1 && npx aspen putt a 1\nnpm run aspen -- gett a\nnode gone.mjs | sort\nnode cli/bootstrap.mjs build\ngo run .\n',
    offer,
  )

  assert.deepEqual(missing, [
    "npm run simm: package.json has no script 'simm'",
    "npx aspen putt a 1: aspen has no command 'putt'",
    "npm run aspen -- gett a: aspen has no command 'gett'",
    'node gone.mjs: there is no gone.mjs',
  ])
})

test('licence, manifest and changelog agree', () => {
  const manifest = JSON.parse(readFileSync(join(houseRoot, 'package.json'), 'utf8')) as {
    version: string
    license: string
  }

  assert.equal(manifest.license, 'Apache-2.0')
  assert.match(readFileSync(join(houseRoot, 'LICENSE'), 'utf8'), /Apache License\s+Version 2\.0/)
  assert.ok(readFileSync(join(houseRoot, 'CHANGELOG.md'), 'utf8').includes(`## ${manifest.version}`))
})
