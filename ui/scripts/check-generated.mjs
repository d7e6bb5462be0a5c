// Says whether the types generated from the core's own description are current.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ui = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hearthkey-types-'));
try {
  const fresh = join(folder, 'generated.ts');
  execFileSync(join(ui, 'node_modules/.bin/openapi-typescript'), ['../docs/openapi.json', '-o', fresh], { cwd: ui, stdio: 'pipe' });
  if (readFileSync(fresh, 'utf8') !== readFileSync(join(ui, 'src/core/generated.ts'), 'utf8')) {
    console.error('src/core/generated.ts is out of date. Run: npm run generate');
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
