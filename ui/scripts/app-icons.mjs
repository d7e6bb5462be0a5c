// Draws the app's icons from icons/icon.svg and icons/tray.svg. Needs rsvg-convert.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, copyFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const icons = fileURLToPath(new URL('../../icons/', import.meta.url));
const tauri = fileURLToPath(new URL('../node_modules/.bin/tauri', import.meta.url));

function draw(source, target, size) {
  execFileSync('rsvg-convert', ['-w', String(size), '-h', String(size), join(icons, source), '-o', target]);
}

const folder = mkdtempSync(join(tmpdir(), 'hearthkey-icons-'));
try {
  const large = join(folder, 'large.png');
  draw('icon.svg', large, 1024);
  execFileSync(tauri, ['icon', large, '-o', folder], { stdio: 'pipe' });
  for (const name of ['icon.ico', 'icon.icns']) copyFileSync(join(folder, name), join(icons, name));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const [name, size] of [
  ['32x32.png', 32],
  ['128x128.png', 128],
  ['128x128@2x.png', 256],
  ['icon.png', 512],
]) {
  draw('icon.svg', join(icons, name), size);
}
draw('tray.svg', join(icons, 'tray.png'), 32);
draw('tray.svg', join(icons, 'tray@2x.png'), 64);
