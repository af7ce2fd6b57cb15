// Takes docs/src/tracing/trace.png, with Debian's chromium and `npm install playwright-core`:
//   node docs/pictures/trace.mjs TRACE_ID docs/src/tracing/trace.png
// docs/src/tracing/reading.md has the commands that bring the trace into Phoenix, which must be running.
import { chromium } from 'playwright-core';

const [trace, out] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 1660, height: 570 } });
await page.addInitScript(() => localStorage.setItem('arize-phoenix-theme', 'light'));
await page.goto(`http://127.0.0.1:6006/redirects/traces/${trace}`);
await page.getByPlaceholder('Search trace').first().waitFor();
// Phoenix unfolds the panel and the tree bit by bit.
await page.waitForTimeout(4000);
await page.getByText('stock', { exact: true }).last().click();
await page.waitForTimeout(2500);
await page.getByRole('tab', { name: /Events/ }).click();
await page.getByText('exception', { exact: true }).first().click();
await page.waitForTimeout(1000);
await page.screenshot({ path: out, clip: { x: 415, y: 46, width: 1245, height: 490 } });
await browser.close();
