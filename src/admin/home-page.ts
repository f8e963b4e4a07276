// The admin server's home page: every endpoint as a link or a button, with its parameters as a form. No script,
// nothing fetched.
import { endpoints } from './endpoints.js';
import type { Endpoint } from './endpoints.js';

const style =
  'body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}' +
  'section{border-top:1px solid #ddd;padding:.6rem 0;display:grid;grid-template-columns:14rem 1fr;gap:.2rem 1rem}' +
  'button{font:inherit;border:1px solid #888;border-radius:4px;background:#f4f4f4;cursor:pointer;padding:.1rem .6rem}' +
  'button.post{border-color:#b40;color:#b40}label{display:block;color:#555;font-size:13px;margin:.15rem 0}' +
  'input[type=text]{font:13px monospace;width:18rem}h1{font-size:1.4rem}';

export function homePage(version: string, state: string): string {
  return (
    `<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Weft admin</title>\n` +
    `<style>${style}</style>\n</head>\n` +
    `<body>\n<h1>Weft admin</h1>\n<p>${escape(state)} &middot; ${escape(version)}</p>\n` +
    `${endpoints
      .filter(({ path }) => path !== '/')
      .map(section)
      .join('')}</body>\n</html>\n`
  );
}

/** Parameters without a value are check boxes. */
const flags = new Set([
  'usedonly',
  'invert_filter',
  'include_eds',
  'graceful',
  'skip_exit',
  'inboundonly',
  'text_readouts',
]);

function section({ path, mutates, description, parameters }: Endpoint): string {
  const action = path.slice(1);
  const inputs = parameters.map(({ name, description: what }) =>
    flags.has(name)
      ? `<label><input type="checkbox" name="${name}" value=""> ${name}: ${escape(what)}</label>`
      : `<label><input type="text" name="${name}"${name === 'enable' ? ' value="y"' : ' disabled'}> ` +
        `${name}: ${escape(what)}</label>`,
  );
  return (
    `<section><form id="${action}" method="${mutates ? 'post' : 'get'}" action="${action}">` +
    `<button${mutates ? ' class="post"' : ''}>${path}</button></form>` +
    `<div>${escape(description)}${formOf(action, inputs)}</div></section>\n`
  );
}

const formOf = (action: string, inputs: string[]): string =>
  inputs.map((input) => input.replace('<input ', `<input form="${action}" `).replace(' disabled', '')).join('');

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
