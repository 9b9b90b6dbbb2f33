// The guide's own commands, in its order, in an empty folder: who follows it must end with a cluster that works.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { snippetsOf } from '../examples/snippets.ts'
import { houseRoot } from '../tidy/house.ts'
import { eventually, freePorts } from './cluster.ts'
import { type CommandResult, noEtcdctl, run } from './commands.ts'
import { mainFile, plainEnvironment } from './process.ts'

const noCurl = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed'
const guide = snippetsOf('docs/tls.md', readFileSync(join(houseRoot, 'docs', 'tls.md'), 'utf8'))

/** A folder as a user has it, in which `npx aspen` is the aspen under test. */
class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'aspen-guide-'))
  readonly #env: Record<string, string>
  readonly #ports = new Map<string, number>()
  readonly #nodes: ChildProcess[] = []
  output = ''

  constructor() {
    const bin = join(this.path, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${mainFile}' "$@"\n`)
    chmodSync(join(bin, 'npx'), 0o755)
    this.#env = { PATH: `${bin}${delimiter}${process.env['PATH']}` }
  }

  /** The guide's ports may be in use here: each becomes another, the same one everywhere. */
  async choosePorts(texts: readonly string[]): Promise<void> {
    const named = new Set(texts.flatMap((text) => text.match(/(?<=127\.0\.0\.1:)\d+/g) ?? []))
    const free = await freePorts(named.size)
    for (const [at, port] of [...named].entries()) this.#ports.set(port, free[at] as number)
  }

  here(text: string): string {
    return text.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => String(this.#ports.get(port)))
  }

  sh(code: string): Promise<CommandResult> {
    return run('sh', ['-e', '-c', `cd '${this.path}'\n${this.here(code)}`], { env: this.#env })
  }

  node(code: string): void {
    // `exec`: the process that is ended is then the node, and no shell around it.
    const child = spawn('sh', ['-c', `exec ${this.here(code)}`], {
      cwd: this.path,
      env: { ...plainEnvironment(), ...this.#env },
    })
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString('utf8')
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    this.#nodes.push(child)
  }

  async close(): Promise<void> {
    const gone = this.#nodes.map((node) => new Promise((resolve) => node.once('close', resolve)))
    for (const node of this.#nodes) node.kill('SIGKILL')
    await Promise.all(gone)
    rmSync(this.path, { recursive: true, force: true })
  }
}

test('the guide leads from nothing to a cluster that renews its certificates', {
  skip: noEtcdctl || noCurl,
}, async () => {
  const folder = new Folder()
  await folder.choosePorts(guide.map(({ code }) => code))
  const commands = guide.filter(({ language, words }) => language === 'sh' && words.includes('run'))
  const [issue, callers, etcdctl, renew, revoke] = commands.map(({ code }) => code) as [
    string,
    string,
    string,
    string,
    string,
  ]
  assert.equal(commands.length, 5, 'this test knows what each command of the guide is to come to')
  const succeed = async (code: string): Promise<string> => {
    const { code: exit, stdout, stderr } = await folder.sh(code)
    assert.equal(exit, 0, `${code}\n${stderr}\n${folder.output}`)
    return stdout
  }
  try {
    for (const { words, code } of guide) {
      const file = words.find((word) => word.startsWith('file='))?.slice('file='.length)
      if (file !== undefined) writeFileSync(join(folder.path, file), folder.here(code))
    }
    await succeed(issue)
    for (const { code } of guide.filter(({ words }) => words.includes('node'))) folder.node(code)

    const health = await eventually(
      'the commands work',
      async () => {
        const answer = await folder.sh(callers)
        return answer.code === 0 && /"health":"true"/.test(answer.stdout) ? answer.stdout : undefined
      },
      60_000,
    )
    assert.match(health, /OK$/m)
    assert.equal(await succeed(etcdctl), 'hello\nworld\n')
    await succeed(renew)
    await eventually(
      'all three, both sides, read again',
      async () => (folder.output.match(/certificates were read again/g)?.length ?? 0) >= 6 || undefined,
    )
    assert.equal(await succeed(etcdctl), 'hello\nworld\n')
    assert.match(await succeed(revoke), /--client-crl-file certs\/crl\.pem/)
  } finally {
    await folder.close()
  }
})
