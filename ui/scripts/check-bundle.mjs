// What must not be in the app: the core in memory with its samples, addresses of other computers, inline script or style.
import { readdirSync, readFileSync } from 'node:fs';

const dist = new URL('../dist/', import.meta.url);
const faults = [];
for (const name of readdirSync(dist, { recursive: true })) {
  if (!/\.(js|css|html)$/.test(name)) continue;
  const content = readFileSync(new URL(name, dist), 'utf8');
  if (/studio-nord|MemoryBackend|con_calendar/.test(content)) faults.push(`${name}: sample data`);
  if (name.endsWith('.css') && /url\(\s*["']?(https?:|\/\/|data:)/.test(content)) faults.push(`${name}: an address outside, or inline data`);
  if (name.endsWith('.html') && /<style|\sstyle=|<script(?![^>]*\ssrc=)|https?:\/\//.test(content)) faults.push(`${name}: inline code or an address outside`);
}
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
