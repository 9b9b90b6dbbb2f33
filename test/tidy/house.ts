/** Reads a tree of sources from disk, for the tidy tests. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rooms } from './rooms.ts'
import { readSource, type SourceFile } from './source.ts'

/** The root of the house: compiled tests lie in dist/test/tidy. */
export const houseRoot: string = fileURLToPath(new URL('../../..', import.meta.url))

/** Every `.ts` file of every room below `root`. */
export function readHouse(root: string): readonly SourceFile[] {
  const tops = new Set(rooms.map(({ folder }) => folder.split('/')[0] ?? folder))
  const files: SourceFile[] = []
  for (const top of tops) if (existsSync(join(root, top))) collect(root, top, files)
  return files
}

function collect(root: string, folder: string, files: SourceFile[]): void {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) collect(root, path, files)
    else if (path.endsWith('.ts')) files.push(readSource(path, readFileSync(join(root, path), 'utf8')))
  }
}

/** The sources behind `exports` of package.json: `./dist/client/index.js` stands for `client/index.ts`. */
export function entrySources(root: string): readonly string[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { default: string }>
  }
  return Object.values(exports).map((entry) => entry.default.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts'))
}
