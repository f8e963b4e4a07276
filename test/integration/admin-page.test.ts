// The admin server's page in a real browser: it shows what the process does, in both schemes and on a narrow screen,
// and a name that looks like markup stays a name. Skipped where no Chromium is installed.
import { request } from 'node:http';
import t, { type Test } from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { Browser, findBrowser } from '../support/browser.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { Upstream } from '../support/upstream.js';

const path = findBrowser();
const HOSTILE = '<img src=x onerror=document.title="owned">';
const wide = { width: 1280, height: 900, dark: false };

if (path === null) t.test('the page', { skip: 'no Chromium is installed' }, async () => undefined);
else {
  const upstream = await Upstream.start(await freePort());
  const browser = await Browser.start(path);
  t.teardown(async () => { await browser.stop(); await upstream.stop(); });
  for (const kind of weftKinds) t.test(kind, async (t) => { await pageOn(t, kind, browser, upstream.port); });
}

async function pageOn(t: Test, kind: (typeof weftKinds)[number], browser: Browser,
  upstreamPort: number): Promise<void> {
  const adminPort = await freePort(), port = await freePort();
  const clusters = [{ name: HOSTILE, ports: [upstreamPort] },
    ...Array.from({ length: 120 }, (_, index) => ({ name: `cluster-${index}`, ports: [upstreamPort] }))];
  const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort,
    [{ name: 'main', port, routes: [routeTo(HOSTILE)] }], clusters));
  try {
    await browser.open(`http://127.0.0.1:${adminPort}/`, wide);
    await browser.until("document.getElementById('state').textContent === 'LIVE'");
    await Promise.all(Array.from({ length: 20 }, () => get(port)));
    await browser.until("document.getElementById('rate-more').textContent.startsWith('20 ')");
    const row = await browser.evaluate<string>("document.querySelector('#listeners tbody tr').innerText");
    t.match(row, new RegExp(`^main\\s+127\\.0\\.0\\.1:${port}\\s`), 'the listener is shown');
    await browser.until("document.querySelector('#busiest td.name')?.textContent.includes('<img')");
    t.equal(await browser.evaluate('document.querySelectorAll("main img").length'), 0, 'names are never markup');
    t.not(await browser.evaluate('document.title'), 'owned');

    await browser.evaluate("location.hash = 'clusters'");
    await browser.until("document.getElementById('page-of').textContent === '1 of 3'");
    await browser.evaluate(typed('cluster-search', 'cluster-11'));
    await browser.until("document.getElementById('cluster-count').textContent === '11 of 121'");
    await browser.evaluate("document.querySelector('#cluster-table tr.opens').click()");
    await browser.until(`document.querySelector('tr.inner')?.innerText.includes('127.0.0.1:${upstreamPort}')`);

    await browser.evaluate("location.hash = 'configuration'");
    await browser.until("document.getElementById('json').textContent.includes('http_connection_manager')");
    await browser.evaluate("document.getElementById('kind').value = 'clusters'");
    await browser.evaluate(typed('config-search', 'cluster-7'));
    await browser.until("document.getElementById('json').textContent.includes('cluster-7')");
    t.ok(await browser.evaluate('document.querySelectorAll("#json mark").length > 0'), 'what was searched is marked');

    await browser.evaluate("location.hash = 'flamegraph'");
    await browser.evaluate("document.getElementById('seconds').value = '1'");
    await browser.evaluate("document.getElementById('waiting').checked = true");
    await browser.evaluate("document.getElementById('record').click()");
    await browser.until('document.querySelectorAll("#flame rect").length > 3');

    for (const view of [{ ...wide, dark: true }, { width: 420, height: 900, dark: false }]) {
      await browser.resize(view);
      await browser.evaluate("location.hash = 'overview'");
      await browser.until("!document.getElementById('overview').hidden");
      t.ok(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'),
        `nothing sticks out at ${view.width}`);
    }
    t.same(browser.errors, [], 'nothing was refused by the policy, nothing was thrown');
  } finally {
    await proxy.stop();
  }
}

const typed = (id: string, text: string): string => `(() => { const input = document.getElementById('${id}');
  input.value = '${text}'; input.dispatchEvent(new Event('input')); })()`;

function get(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/', agent: false }, (response) => {
      response.resume().on('end', resolve);
    }).on('error', reject).end();
  });
}
