// Bundles the console into ../bundle: hashed assets (cached for ever) and two pages that name them.
// `--check` builds into memory and fails when the committed bundle differs; `--watch` rebuilds on change.
import { build, context } from 'esbuild';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const bundle = join(here, '../bundle');
const greatestGzipBytes = 60 * 1024;

const options = {
  absWorkingDir: here,
  entryPoints: { console: 'src/main.ts', mark: 'static/mark.svg' },
  outdir: '../bundle',
  entryNames: 'assets/[name]-[hash]',
  assetNames: 'assets/[name]-[hash]',
  loader: { '.svg': 'copy' },
  bundle: true,
  format: 'iife',
  target: ['chrome111', 'firefox115', 'safari16.4'],
  minify: true,
  legalComments: 'eof',
  charset: 'utf8',
  metafile: true,
  write: false,
  logLevel: 'warning',
};

/** All files of the bundle by their path in it. */
async function files(result) {
  const made = new Map();
  for (const file of result.outputFiles)
    made.set(file.path.slice(bundle.length + 1).replaceAll('\\', '/'), Buffer.from(file.contents));
  const asset = (name, type) => [...made.keys()].find((p) => p.startsWith(`assets/${name}-`) && p.endsWith(type));
  for (const page of ['index.html', 'report-frame.html']) {
    const text = await readFile(join(here, 'static', page), 'utf8');
    const filled = text.replace(/%([a-z-]+)(\.\w+)%/g, (whole, name, type) => asset(name, type) ?? missing(whole));
    made.set(page, Buffer.from(filled));
  }
  return new Map([...made].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function missing(name) {
  throw new Error(`static page names ${name}, which the bundle does not have`);
}

async function committed() {
  const names = await readdir(bundle, { recursive: true, withFileTypes: true }).catch(() => []);
  const read = new Map();
  for (const entry of names.filter((n) => n.isFile())) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    read.set(path.slice(bundle.length + 1).replaceAll('\\', '/'), await readFile(path));
  }
  return read;
}

async function write(made) {
  await rm(bundle, { recursive: true, force: true });
  await mkdir(join(bundle, 'assets'), { recursive: true });
  for (const [path, content] of made) await writeFile(join(bundle, path), content);
}

function check(made, kept) {
  const wrong = [];
  for (const [path, content] of made)
    if (!kept.get(path)?.equals(content)) wrong.push(`${path}: ${kept.has(path) ? 'differs' : 'is missing'}`);
  for (const path of kept.keys()) if (!made.has(path)) wrong.push(`${path}: is left over`);
  if (wrong.length === 0) return;
  console.error(`The committed bundle is not what the sources build; run 'npm run build' in src/Server/Console/web.\n  ${wrong.join('\n  ')}`);
  process.exit(1);
}

function weigh(made) {
  let total = 0;
  for (const [path, content] of made) {
    const size = gzipSync(content, { level: 9 }).length;
    total += size;
    console.log(`${path.padEnd(36)} ${String(content.length).padStart(8)} B  ${String(size).padStart(6)} B gzip`);
  }
  console.log(`${'in all'.padEnd(36)} ${String([...made.values()].reduce((n, c) => n + c.length, 0)).padStart(8)} B  ${String(total).padStart(6)} B gzip`);
  if (total > greatestGzipBytes) {
    console.error(`The bundle weighs ${total} B gzip: at most ${greatestGzipBytes}.`);
    process.exit(1);
  }
}

if (process.argv.includes('--watch')) {
  const writer = { name: 'write', setup: (b) => b.onEnd(async (r) => r.errors.length === 0 && write(await files(r))) };
  await (await context({ ...options, plugins: [writer] })).watch();
} else {
  const made = await files(await build(options));
  if (process.argv.includes('--check')) check(made, await committed());
  else await write(made);
  weigh(made);
}
