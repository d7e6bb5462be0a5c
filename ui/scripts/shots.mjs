// Pictures of the pages with the core in memory, to look at: npx vite build --mode demo && npm run shots [filter,filter]
// Fails when the page broke the window's policy or wrote an error.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const out = fileURLToPath(new URL('../shots/', import.meta.url));
mkdirSync(out, { recursive: true });

const server = await preview({ root: fileURLToPath(new URL('..', import.meta.url)), mode: 'demo', build: { outDir: 'dist-demo' }, preview: { port: 4199, strictPort: true } });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const big = { width: 1240, height: 800 };
const small = { width: 900, height: 600 };
const click = (id) => (page) => page.getByTestId(id).first().click();
const settle = (page) => page.waitForTimeout(350);
const chooseCard = (id) => click(`connector-card-${id}`);

const typeKey = async (page) => {
  await chooseCard('stripe')(page);
  await page.getByTestId('field-key').fill('rk_live_51Nv0000000000004f2a');
  await page.waitForTimeout(800);
};
const oauth = async (page) => {
  await chooseCard('sandbox')(page);
  await page.getByTestId('dialog-submit').click();
  await page.getByTestId('authorize-url').waitFor();
};
const ended = async (page) => {
  await oauth(page);
  await page.locator('[data-testid=connected], [data-testid=connect-failed]').waitFor();
};

/** Past the moment in which other ways are offered. Needs the page's own clock. */
const late = async (page) => {
  await page.clock.fastForward(21_000);
  await page.getByText('Nothing back yet?').waitFor();
};
const sandboxWaits = async (page) => {
  await oauth(page);
  await late(page);
};
const device = async (page) => {
  await sandboxWaits(page);
  await page.getByTestId('way-device').click();
  await page.getByTestId('device-code').waitFor();
};
const refusedPaste = async (page) => {
  await sandboxWaits(page);
  await page.getByTestId('paste-address').fill('https://example.com/somewhere');
  await page.getByTestId('paste-go').click();
  await page.locator('[aria-invalid=true]').waitFor();
};
const open = (label) => (page) => page.locator(`[data-label="${label}"] button`).first().click();
const github = async (page) => {
  await chooseCard('github')(page);
  await page.getByTestId('dialog-submit').click();
  await page.locator('[data-testid=connected], [data-testid=connect-failed]').waitFor();
};
const clients = async (page) => {
  await open('Studio repositories')(page);
  await click('clients-link')(page);
  await page.locator('[data-testid=client-row], [data-testid=clients-empty], [role=alert]').first().waitFor();
};
const clientMenu = (id, item) => async (page) => {
  await clients(page);
  await page.locator(`[data-id=${id}] button`).click();
  await click(item)(page);
};
const checkedClient = async (page) => {
  await chooseCard('google-calendar')(page);
  await page.getByTestId('client-id').fill('4471-q8m2.apps.googleusercontent.com');
  await page.getByTestId('client-secret').fill('GOCSPX-0000000000000000');
  await page.getByTestId('client-check').click();
  await page.locator('[data-testid=client-checked]:is([data-stage=ok], [data-stage=bad])').waitFor();
};
const FAILURES = ['grant ended', 'reply lost', 'not renewable', 'client refused', 'request refused', 'rate limited', 'provider trouble', 'unreachable', 'malformed', 'key refused'];
/** Every banner there is, each as the page draws it, on one sheet. */
const allTroubles = async (page) => {
  const drawn = [];
  for (const label of FAILURES) {
    await open(label)(page);
    await page.getByTestId('trouble').waitFor();
    drawn.push(await page.getByTestId('trouble').evaluate((banner) => banner.outerHTML));
  }
  await page.evaluate((banners) => {
    const sheet = document.createElement('div');
    sheet.innerHTML = banners.join('');
    Object.assign(sheet.style, { position: 'fixed', inset: '0', zIndex: '99', padding: '12px 24px', columns: '4 286px', columnGap: '24px', background: 'var(--panel)' });
    for (const banner of sheet.children) Object.assign(banner.style, { breakInside: 'avoid', margin: '0', padding: '7px 0' });
    document.body.append(sheet);
  }, drawn);
};
const narrow = { width: 400, height: 700 };
const CLOCK = { clock: true };

const KIT = `# Hearthkey recovery kit
#
# Made 2026-05-04 for vault 4f2a
# The line below opens your vault.

AGE-SECRET-KEY-1DEMO
`;

const pages = [
  ['connected', '', big],
  ['connected', '', small],
  ['selected', '', big, (page) => page.locator('[data-label="Work calendar"] button').first().click()],
  ['detail-page', '', small, (page) => page.locator('[data-label="Studio repositories"] button').first().click()],
  ['focus', '', big, async (page) => { await page.getByTestId('search').focus(); await page.keyboard.press('ArrowDown'); await page.keyboard.press('ArrowDown'); }],
  ['menu', '', big, (page) => page.getByRole('button', { name: 'More for Payments', exact: true }).click()],
  ['disconnected', '', big, async (page) => { await page.locator('[data-label="Payments"] button').first().click(); await click('disconnect-button')(page); }],
  ['disconnected', '', small, async (page) => { await page.locator('[data-label="Payments"] button').first().focus(); await page.keyboard.press('d'); }],
  ['tested', '', big, async (page) => { await page.locator('[data-label="Payments"] button').first().click(); await click('test-button')(page); await page.getByTestId('test-result').waitFor(); }],
  ['failed-test', 'story=failed-test', big, async (page) => { await page.locator('[data-label="Payments (test)"] button').first().click(); await click('test-button')(page); await page.getByTestId('test-result').waitFor(); await page.locator('.result summary').click(); }],
  ['search', '', big, (page) => page.getByTestId('search').fill('pay')],
  ['nothing', '', big, (page) => page.getByTestId('search').fill('zzz')],
  ['empty', 'story=empty', big],
  ['empty', 'story=empty', small],
  ['loading', 'story=loading', big],
  ['problem', 'story=problem', big],
  ...['keychain_absent', 'keychain_locked', 'keychain_hanging', 'keychain_refused', 'key_missing', 'wrong_key', 'unreadable'].map((state) => [`trouble-${state}`, `vault=${state}`, big]),
  ['trouble-key_missing-kit', 'vault=key_missing&ways=recovery', big],
  ['trouble-key_missing-kit', 'vault=key_missing&ways=recovery', small],
  ['trouble-unfounded', 'vault=keychain_absent&unfounded', big],
  ['trouble-unfounded', 'vault=keychain_absent&unfounded', small],
  ['trouble-dialog-kit', 'vault=key_missing&ways=recovery', big, async (page) => { await click('vault-unlock-kit')(page); await page.getByTestId('unlock-kit').fill(KIT); }],
  ['trouble-dialog-kit-wrong', 'vault=key_missing&ways=recovery', big, async (page) => { await click('vault-unlock-kit')(page); await page.getByTestId('unlock-kit').fill('AGE-SECRET-KEY-1OTHER'); await click('dialog-submit')(page); }],
  ['trouble-keychain-asking', 'vault=keychain_locked&slow=vault.unlock', big, click('vault-unlock-keychain')],
  ['locked', 'vault=locked&ways=passphrase,recovery&working', big],
  ['locked', 'vault=locked&ways=passphrase,recovery', small],
  ['locked-wrong', 'vault=locked&ways=passphrase,recovery', big, async (page) => { await page.keyboard.type('not the passphrase'); await page.keyboard.press('Enter'); }],
  ['locked-busy', 'vault=locked&ways=passphrase&slow=vault.unlock', big, async (page) => { await page.keyboard.type('correct horse battery staple'); await page.keyboard.press('Enter'); }],
  ['locked-kit', 'vault=locked&ways=passphrase,recovery', big, async (page) => { await click('use-kit')(page); await page.getByTestId('unlock-kit').fill(KIT); }],
  ['locked-keychain', 'vault=locked&ways=keychain', big],
  ['locked-keychain-kit', 'vault=locked&ways=keychain,recovery', small],
  ['locked-trouble', 'vault=key_missing&ways=passphrase,recovery&closed', big],
  ['locked-trouble', 'vault=key_missing&closed', small],
  ['locked-again', '', big, async (page) => { await page.locator('[data-label="Payments"] button').first().click(); await page.keyboard.press('r'); await page.getByTestId('field-label').waitFor(); await page.keyboard.press('Control+l'); await page.getByTestId('unlock-button').click(); }],
  ['locked-from-menu', '', big, async (page) => { await click('workspace-menu')(page); await page.keyboard.press('Control+l'); await page.waitForTimeout(300); await page.getByTestId('unlock-button').hover(); }],
  ['passphrase-found', 'vault=keychain_absent&unfounded', big, click('vault-found')],
  ['passphrase-set', 'safety=in-clear', big, click('set-passphrase')],
  ['passphrase-set', 'safety=in-clear', small, click('set-passphrase')],
  ['passphrase-faults', 'safety=in-clear', big, async (page) => { await click('set-passphrase')(page); await page.getByTestId('passphrase-new').fill('too short'); await page.getByTestId('passphrase-again').fill('too sho'); await click('dialog-submit')(page); }],
  ['passphrase-take-out', 'safety=in-clear&passphrase', big, click('set-passphrase')],
  ['safety-in-clear', 'safety=in-clear', big],
  ['safety-in-clear', 'safety=in-clear', small],
  ['safety-none', 'safety=none', big],
  ['safety-none', 'safety=none', small],
  ['safety-untested', 'safety=untested', big],
  ['workspaces', '', big, click('workspace-menu')],
  ['workspaces', '', small, click('workspace-menu')],
  ['workspace-new', '', big, async (page) => { await click('workspace-menu')(page); await click('workspace-add')(page); }],
  ['workspace-taken', '', big, async (page) => { await click('workspace-menu')(page); await click('workspace-add')(page); await page.getByTestId('field-name').fill('Studio Nord'); await click('dialog-submit')(page); }],
  ['workspace-rename', '', big, async (page) => { await click('workspace-menu')(page); await click('workspace-rename')(page); }],
  ['workspace-other', '', big, async (page) => { await click('workspace-menu')(page); await page.getByText('Studio Nord').last().click(); }],
  ['many', 'story=many', big],
  ['chooser', '', big, click('connect-button')],
  ['key', '', big, typeKey],
  ['key', '', small, typeKey],
  ['key-failed', 'story=failed-test', big, typeKey],
  ['key-invalid', '', big, async (page) => { await chooseCard('stripe')(page); await page.getByTestId('field-key').fill('abc'); await click('dialog-submit')(page); }],
  ['client', '', big, chooseCard('google-calendar')],
  ['client', '', small, chooseCard('google-calendar')],
  ['tabs', '', big, chooseCard('github')],
  ['issuer', '', big, chooseCard('openid')],
  ['sandbox', 'story=empty', big, click('try-sandbox')],
  ['waiting', 'outcome=never', big, oauth],
  ['waiting-late', 'outcome=never', big, sandboxWaits, CLOCK],
  ['waiting-late', 'outcome=never', small, sandboxWaits, CLOCK],
  ['waiting-late', 'outcome=never', narrow, sandboxWaits, CLOCK],
  ['waiting-unlock', 'outcome=unlock', big, async (page) => { await oauth(page); await page.getByTestId('open-vault').waitFor(); }],
  ['paste-refused', 'outcome=never', big, refusedPaste, CLOCK],
  ['paste-refused', 'outcome=never', narrow, refusedPaste, CLOCK],
  ['device', 'outcome=never', big, device, CLOCK],
  ['device', 'outcome=never', narrow, device, CLOCK],
  ['device-late', 'outcome=never', big, async (page) => { await device(page); await late(page); }, CLOCK],
  ['already', 'outcome=already', big, github],
  ['already', 'outcome=already', narrow, github],
  ['declined', 'outcome=declined', big, github],
  ['declined', 'outcome=declined', narrow, github],
  ['redirect', 'outcome=redirect', big, github],
  ['redirect', 'outcome=redirect', narrow, github],
  ['client-failed', 'outcome=client', big, github],
  ['client-edit', 'outcome=client', big, async (page) => { await github(page); await click('dialog-retry')(page); }],
  ['client-checked', '', big, checkedClient],
  ['client-refused', 'story=client-refused', big, checkedClient],
  ['client', '', narrow, chooseCard('google-calendar')],
  ['clients', '', big, clients],
  ['clients', '', narrow, clients],
  ['clients-empty', 'story=no-clients', big, clients],
  ['clients-problem', 'story=clients-problem', big, clients],
  ['clients-edit', '', big, clientMenu('client_google', 'client-edit')],
  ['clients-remove', '', big, clientMenu('client_google', 'client-remove')],
  ['troubles', 'story=troubles', big, allTroubles],
  ['troubles-list', 'story=troubles', big, open('client refused')],
  ['troubles-list', 'story=troubles', narrow],
  ['trouble-wait', 'story=troubles', narrow, open('rate limited')],
  ['scopes', '', big, open('Work calendar')],
  ['scopes', '', narrow, open('Work calendar')],
  ['renewed', '', big, async (page) => { await open('Work calendar')(page); await click('renew-button')(page); await page.getByText('is renewed').waitFor(); }],
  ['renew-failed', 'story=refresh-failed', big, async (page) => { await open('Work calendar')(page); await click('renew-button')(page); await page.getByText('could not be renewed').waitFor(); }],
  ['renewing', 'slow=connections.refresh', big, async (page) => { await open('Work calendar')(page); await click('renew-button')(page); }],
  ['ends-soon', '', big, open('Intranet')],
  ['menu-sign-in', '', big, (page) => page.getByRole('button', { name: 'More for Work calendar', exact: true }).click()],
  ['done', '', big, ended],
  ['denied', 'outcome=denied', big, ended],
  ['unreachable', 'outcome=unreachable', big, ended],
  ['rename', '', big, async (page) => { await page.locator('[data-label="Payments"] button').first().click(); await page.keyboard.press('r'); }],
  ['zoom-200', '', { width: 620, height: 400 }],
  ['zoom-200-small', '', { width: 450, height: 300 }],
  ['zoom-200-locked', 'vault=locked&ways=passphrase,recovery', { width: 450, height: 300 }],
  ['zoom-200-trouble', 'vault=key_missing&ways=recovery', { width: 620, height: 400 }],
  ['zoom-200-passphrase', 'safety=in-clear', { width: 450, height: 300 }, click('set-passphrase')],
  ['zoom-200-workspaces', '', { width: 450, height: 300 }, click('workspace-menu')],
  ['zoom-200-waiting', 'outcome=never', { width: 450, height: 300 }, sandboxWaits, CLOCK],
  ['zoom-200-device', 'outcome=never', { width: 450, height: 300 }, device, CLOCK],
  ['zoom-200-clients', '', { width: 450, height: 300 }, clients],
  ['zoom-200-dialog', '', { width: 450, height: 300 }, chooseCard('stripe')],
];

const wanted = process.argv[2];
const faults = [];
for (const [name, query, viewport, act, { clock = false } = {}] of pages) {
  if (wanted && !wanted.split(',').some((part) => name.includes(part))) continue;
  for (const theme of ['light', 'dark']) {
    const page = await browser.newPage({ viewport, colorScheme: theme });
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(`${name}: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`${name}: ${error.message}`));
    try {
      if (clock) await page.clock.install();
      await page.goto(`http://127.0.0.1:4199/?${query}`);
      await page.waitForTimeout(250);
      await act?.(page);
    } catch (error) {
      faults.push(`${name}: ${error.message.split('\n')[0]}`);
    }
    await settle(page);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    if (overflow) faults.push(`${name}: wider than the window`);
    await page.screenshot({ path: `${out}${name}-${viewport.width}-${theme}.png` });
    await page.close();
  }
}
await browser.close();
await new Promise((done) => server.httpServer.close(done));
if (faults.length > 0) {
  console.error(Array.from(new Set(faults)).join('\n'));
  process.exitCode = 1;
}
process.exit();
