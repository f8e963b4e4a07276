// The Location of a redirect that is followed: what is taken of it, and what is no URL.
import t from 'tap';
import { parseRedirect } from '../../../src/workers/proxy/redirect-url.js';

t.test('taken apart', async (t) => {
  t.same(parseRedirect('http://a.example/b?c#d'), { https: false, host: 'a.example', path: '/b?c' });
  t.same(parseRedirect('HTTPS://user:secret@[::1]:8443'), { https: true, host: '[::1]:8443', path: '/' });
  t.same(parseRedirect('http://a?b'), { https: false, host: 'a', path: '?b' });
  t.same(parseRedirect('ftp://a/'), { https: true, host: 'a', path: '/' });
});

t.test('no URL', async (t) => {
  for (const text of ['', '/a', '//a/b', 'a.example/b', 'http://', 'http:///b', 'http://a:/b', 'http://a:65536/',
    'http://a b/', 'http://a/b c', 'http://a/b\rc', 'http://[::1', '://a'])
    t.equal(parseRedirect(text), null, JSON.stringify(text));
});

t.test('no text makes it slow', async (t) => {
  const started = performance.now();
  for (const text of [`http://${'@'.repeat(50_000)}`, `http://${'a'.repeat(50_000)}:`, 'a'.repeat(60_000)])
    parseRedirect(text);
  t.ok(performance.now() - started < 1000);
});
