// Path templates: what is one, which path fits, which variables it gives.
import t from 'tap';
import { PathMatcher, queryBindings } from '../../src/transcode/path-matcher.js';
import { parseTemplate } from '../../src/transcode/template.js';

const find = (matcher: PathMatcher<string>, method: string, path: string): string => {
  const bytes = Buffer.from(`xx${path}yy`, 'latin1');
  const found = matcher.find(method, bytes, 2, bytes.length - 2);
  return found === null ? '-' : [found.target, found.body, ...found.bindings.map(({ fieldPath, value }) =>
    `${fieldPath.join('.')}=${value}`)].join(' ');
};

function matcherOf(...rules: [method: string, template: string][]): PathMatcher<string> {
  const matcher = new PathMatcher<string>('exceptReserved', false);
  for (const [method, template] of rules) matcher.add(method, template, '', template);
  return matcher;
}

t.test('what is a template', async (t) => {
  for (const text of ['/', '/a', '/a/{b}', '/a/{b.c=d/*}/e:f', '/**', '/{a=**}:v', '/a/{b=**}/c', '/*/a', '/a:b'])
    t.not(parseTemplate(text), null, text);
  for (const text of ['', 'a', '/a/', '//', '/{', '/{a', '/{}', '/{a=}', '/{a={b}}', '/{a=**}/*', '/**/**', '/a:',
    '/{.a}',
    '/a}', '/{a.}', '/a:b/c', '/{a}{b}']) t.equal(parseTemplate(text), null, text);
});

t.test('literals come before variables, and those before the rest', async (t) => {
  const matcher = matcherOf(['GET', '/a/b'], ['GET', '/a/{x}'], ['GET', '/{y=**}'], ['GET', '/a/{x}/c']);
  t.equal(find(matcher, 'GET', '/a/b'), '/a/b ');
  t.equal(find(matcher, 'GET', '/a/c'), '/a/{x}  x=c');
  t.equal(find(matcher, 'GET', '/a/b/c'), '/a/{x}/c  x=b', 'a literal that leads nowhere is left again');
  t.equal(find(matcher, 'GET', '/a/b/d'), '/{y=**}  y=a/b/d');
  t.equal(find(matcher, 'GET', '/'), '/{y=**}  y=');
  t.equal(find(matcher, 'POST', '/a/b'), '-');
});

t.test('paths that end with slashes, methods of every kind, two rules for one path', async (t) => {
  const matcher = matcherOf(['GET', '/a'], ['*', '/any'], ['GET', '/twice'], ['GET', '/twice'], ['GET', '/v/{x}:run']);
  t.equal(find(matcher, 'GET', '/a//'), '/a ');
  t.equal(find(matcher, 'GET', '//a'), '-');
  t.equal(find(matcher, 'WHATEVER', '/any'), '/any ');
  t.equal(find(matcher, 'GET', '/twice'), '-');
  t.equal(find(matcher, 'GET', '/v/a:run'), '/v/{x}:run  x=a');
  t.equal(find(matcher, 'GET', '/v/a:walk'), '-');
  t.equal(find(matcher, 'GET', '/any:run'), '/any ', 'any method takes any verb');
});

t.test('a path of very many segments', async (t) => {
  const matcher = matcherOf(['GET', '/{x=**}/end'], ['GET', '/a/*/b']);
  t.equal(find(matcher, 'GET', `${'/a'.repeat(20_000)}/end`).length, '/{x=**}/end  x='.length + 39_999);
  t.equal(find(matcher, 'GET', '/a'.repeat(20_000)), '-');
});

t.test('parameters of a query', async (t) => {
  const show = (query: string, plus = false): string[] => queryBindings(query, new Set(['key']), plus)
    .map(({ fieldPath, value }) => `${fieldPath.join('|')}=${value}`);
  t.same(show('a=1&b.c=%20x&key=2&=3&d&e=&f=g=h'), ['a=1', 'b|c= x', 'e=', 'f=g=h']);
  t.same([...show('a=x+y%2B'), ...show('a=x+y%2B', true)], ['a=x+y+', 'a=x y+']);
});
