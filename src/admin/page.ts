// The admin server's page: static files (src/admin/page/), read once. The page fetches its numbers from
// /weft/overview and its kind; it loads nothing from elsewhere, and the policy below forbids it to.
import { readFileSync } from 'node:fs';
import type { Answer, Handlers } from './answer.js';
import { htmlType } from './answer.js';
import { endpoints } from './endpoints.js';

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
  + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export function pageHandlers(): Handlers {
  const read = (name: string): string => readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8');
  const file = (type: string, body: string): Answer =>
    ({ status: 200, type, body, headers: { 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer' } });
  const html = read('index.html').replace('<!--endpoints-->', commands());
  const style = read('style.css');
  const scripts = ['script.js', 'dom.js', 'flame.js'].map((name) => [name, read(name)] as const);
  return {
    '/': () => file(htmlType, html),
    '/weft/style.css': () => file('text/css; charset=UTF-8', style),
    ...Object.fromEntries(scripts.map(([name, text]) =>
      [`/weft/${name}`, () => file('text/javascript; charset=UTF-8', text)])),
  };
}

/** Parameters without a value are check boxes. */
const flags = new Set(['usedonly', 'invert_filter', 'include_eds', 'graceful', 'skip_exit', 'inboundonly',
  'text_readouts']);

/** Every endpoint as a form: it works without the script. */
function commands(): string {
  return endpoints.filter(({ path }) => path !== '/').map(({ path, mutates, description, parameters }) => {
    const inputs = parameters.map(({ name, description: what }) => (flags.has(name)
      ? `<label><input type="checkbox" name="${name}" value=""> <b>${name}</b> ${escape(what)}</label>`
      : `<label><b>${name}</b> <input type="text" name="${name}" placeholder="${escape(what)}"></label>`));
    return `<form class="command" method="${mutates ? 'post' : 'get'}" action="${path.slice(1)}">`
      + `<button${mutates ? ' class="changes"' : ''}>${path}</button><div><p>${escape(description)}</p>`
      + `${inputs.join('')}</div></form>\n`;
  }).join('');
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
