// Redirects that the proxy follows in the client's place: which, how often, with what request, and what they pass
// through.
import { answer, get, post, type Reply, type Scenario, type Step } from '../scenario.js';

const stats = ['http.{id}-main.passthrough_internal_redirect_bad_location',
  'http.{id}-main.passthrough_internal_redirect_unsafe_scheme',
  'http.{id}-main.passthrough_internal_redirect_too_many_redirects',
  'http.{id}-main.passthrough_internal_redirect_no_route', 'http.{id}-main.passthrough_internal_redirect_predicate',
  'http.{id}-main.downstream_rq_total', 'http.{id}-main.downstream_rq_active', 'http.{id}-main.downstream_rq_completed',
  'http.{id}-main.downstream_rq_2xx', 'http.{id}-main.downstream_rq_3xx', 'http.{id}-main.rq_total',
  ...['upstream_rq_total', 'upstream_rq_completed', 'upstream_rq_3xx', 'upstream_rq_2xx', 'upstream_rq_302',
    'upstream_rq_active', 'upstream_internal_redirect_succeeded_total',
    'upstream_internal_redirect_failed_total'].map((name) => `cluster.{up}.${name}`),
  'cluster.{other}.upstream_rq_total', 'cluster.{other}.upstream_rq_2xx',
  'cluster.{other}.upstream_internal_redirect_succeeded_total'];

const type = 'type.googleapis.com/envoy.extensions.internal_redirect.';
const predicate = (name: string, version: string, more: object = {}): object => ({
  name: `envoy.internal_redirect_predicates.${name}`, typed_config: { '@type': `${type}${name}.v3.${version}`,
    ...more } });
const previousRoutes = predicate('previous_routes', 'PreviousRoutesConfig');
const allowListed = (...names: string[]): object => predicate('allow_listed_routes', 'AllowListedRoutesConfig',
  { allowed_route_names: names });
const safeCrossScheme = predicate('safe_cross_scheme', 'SafeCrossSchemeConfig');

const heading = 'Internal redirects';
/** What was sent before the redirect is logged as it was; bytes that are sent again count once. */
const firstPass = { line: /\|internal_redirect\|/, heading };
const repeatedBytes = { line: /^log main POST.*\|via_upstream\|/, heading };
/** Envoy logs the cluster of the route that was refused. */
const refusedRoute = { line: /^log main .*\|302\|-\|via_upstream\|/, heading };

/** /other goes to another cluster, /direct is answered here, the host nowhere.example has no route. */
const following = (name: string, policy: object, steps: readonly Step[], more: Partial<Scenario> = {},
  route: object = {}): Scenario => ({
  name,
  upstreams: ['up', 'other'],
  main: { virtualHosts: [
    { name: 'v', domains: ['*.example', 'b.example:81', 'b.example:80', '[::1]'], routes: [
      { name: 'other', match: { prefix: '/other' }, route: { cluster: '{other}' } },
      { name: 'direct', match: { prefix: '/direct' }, direct_response: { status: 200,
        body: { inline_string: 'direct' } } },
      { name: 'away', match: { prefix: '/away' }, redirect: { host_redirect: 'c.example' } },
      { name: 'second', match: { prefix: '/second' }, route: { cluster: '{other}',
        internal_redirect_policy: { max_internal_redirects: 1 } } },
      { name: 'main', match: { prefix: '/' }, route: { cluster: '{up}', internal_redirect_policy: policy,
        ...route } },
    ] }] },
  steps, stats, logLines: 2 * steps.length, differs: [firstPass], ...more,
});
/** As `following`, where the redirect is the client's. */
const passing = (name: string, policy: object, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario =>
  following(name, policy, steps, { logLines: steps.length, differs: [], ...more });
const moved = (location: string, status = 302, ...headers: string[]): Reply =>
  answer(status, '', ...(location === '' ? [] : [`location: ${location}`]), ...headers);
const to = (location: string, ...headers: string[]): Step => ({ send: get('/', ...headers),
  answer: { up: moved(location) } });
const at = (location: string): Step => ({ send: get('/a/b?c=d'), answer: { up: moved(location) } });
const chunked = (path: string): string => [`POST ${path} HTTP/1.1`, 'host: a.example', 'transfer-encoding: chunked', '',
  '5', 'hello', '6', ' world', '0', '', ''].join('\r\n');

export const scenarios: readonly Scenario[] = [
  following('another cluster', {}, [to('http://b.example/other?a=1')]),
  following('the same route', {}, [{ send: get('/'), answer: { up: [moved('http://a.example/again'),
    answer(200, 'again')] } }]),
  following('a second one passes through', {}, [{ send: get('/'), answer: { up: moved('http://a.example/again') } }]),
  following('two are allowed', { max_internal_redirects: 2 }, [{ send: get('/'),
    answer: { up: [moved('http://a.example/1'), moved('http://a.example/2'), answer(200, 'there')] } }],
      { logLines: 3 }),
  passing('none is allowed', { max_internal_redirects: 0 }, [to('http://b.example/other')]),
  following('the limit is that of the route that redirects', { max_internal_redirects: 3 }, [{ send: get('/'),
    answer: { up: moved('http://a.example/second'), other: moved('http://a.example/other') } }]),
  ...[301, 303, 307, 308].map((status) => passing(`${status} is not followed unless listed`, {}, [{ send: get('/'),
    answer: { up: moved('http://b.example/other', status) } }])),
  ...[304, 200].map((status) => passing(`${status} listed`, { redirect_response_codes: [status] }, [{ send: get('/'),
    answer: { up: moved('http://b.example/other', status) } }])),
  ...[301, 302, 303, 307, 308].map((status) => following(`${status} listed`, {
    redirect_response_codes: [status] }, [{ send: get('/'), answer: { up: moved('http://b.example/other',
      status) } }])),
  following('a body goes along', { redirect_response_codes: [302, 307] }, [
    { send: post('/', 'hello'), answer: { up: moved('http://b.example/other', 307) } },
    { send: post('/', 'x'.repeat(40_000)), answer: { up: moved('http://b.example/other') } },
    { send: chunked('/'), answer: { up: moved('http://b.example/other') } }], { differs: [firstPass, repeatedBytes] }),
  following('303 makes it a GET', { redirect_response_codes: [303] }, [
    { send: post('/', 'hello', 'content-type: text/plain'), answer: { up: moved('http://b.example/other', 303) } },
    { send: post('/', 'x'.repeat(40_000)), answer: { up: moved('http://b.example/other', 303) } },
    { send: chunked('/'), answer: { up: moved('http://b.example/other', 303) } },
    { send: 'HEAD / HTTP/1.1\r\nhost: a.example\r\n\r\n', noBody: true,
      answer: { up: moved('http://b.example/other', 303) } },
    { send: 'PUT / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\n\r\n',
      answer: { up: moved('http://b.example/other', 303) } }],
  { differs: [firstPass, { line: /^log main GET.*\|via_upstream\|/, heading }] }),
  passing('a body over the limit passes it through', {}, [{ send: post('/', 'x'.repeat(40_000)),
    answer: { up: moved('http://b.example/other') } }], { stats: [...stats, 'cluster.{up}.retry_or_shadow_abandoned'],
    main: { listener: { per_connection_buffer_limit_bytes: 16_384 }, routes: [{ match: { prefix: '/' },
      route: { cluster: '{up}', internal_redirect_policy: {} } }] } }),
  ...['/other', '//b.example/other', '', 'http://', 'b.example/other', 'ftp://b.example/other',
    'http://b.example/other path', 'http://b.example:/other', 'http://b.example:99999/other', 'http:///other',
  ].map((location) => passing(`location ${location}`, {}, [at(location)])),
  ...['http://b.example', 'HTTP://b.example/other', 'http://b.example/other#part', 'http://b.example/other?a#b',
    'http://b.example:81/other', 'http://b.example:80/other', 'http://user@b.example/other', 'http://B.EXAMPLE/other',
    'http://b.example/%2fother', 'http://[::1]/other',
  ].map((location) => following(`location ${location}`, {}, [at(location)])),
  passing('a location without a path', {}, [at('http://b.example?q=1')], { differs: [refusedRoute] }),
  passing('an empty location', {}, [{ send: get('/'), answer: { up: answer(302, '', 'location: ') } }]),
  passing('https is another scheme', {}, [to('https://b.example/other')]),
  following('https is allowed', { allow_cross_scheme_redirect: true }, [to('https://b.example/other')]),
  following('https is not safe', { allow_cross_scheme_redirect: true, predicates: [safeCrossScheme] },
    [to('https://b.example/other'), to('http://b.example/other')], { logLines: 3, differs: [firstPass, refusedRoute] }),
  passing('no route', {}, [to('http://nowhere.org/')], { differs: [refusedRoute] }),
  following('to a direct response', {}, [to('http://b.example/direct')]),
  following('to a redirect', {}, [to('http://b.example/away/x')]),
  following('allow_listed_routes', { predicates: [allowListed('other', 'direct')] }, [to('http://b.example/other'),
    to('http://b.example/second'), to('http://b.example/direct')], { logLines: 5, differs: [firstPass, refusedRoute] }),
  following('previous_routes', { max_internal_redirects: 5, predicates: [previousRoutes] }, [{ send: get('/'),
    answer: { up: [moved('http://a.example/1'), moved('http://a.example/2'), answer(200, 'there')] } }]),
  following('response_headers_to_copy', { response_headers_to_copy: ['X-Copied', 'x-absent', 'x-several'] }, [{
    send: get('/', 'x-copied: old', 'x-absent: gone', 'x-kept: yes'),
    answer: { up: moved('http://b.example/other', 302, 'x-copied: new', 'x-several: 1', 'x-several: 2') } }]),
  following('headers that the first route made', {}, [{ send: get('/a/b'),
    answer: { up: moved('http://b.example/other') } }],
    {}, { prefix_rewrite: '/rewritten/', host_rewrite_literal: 'h.example' }),
  following('a redirect with a body', {}, [{ send: get('/'), answer: { up: answer(302, 'look there',
    'location: http://b.example/other') } }, { send: get('/'), answer: { up: [
    ['HTTP/1.1 302 Found', 'location: http://b.example/other', 'transfer-encoding: chunked', '', '3', 'abc', '0', '',
      ''].join('\r\n')] } }]),
  following('a redirect that ends its connection', {}, [{ send: get('/'),
    answer: { up: moved('http://b.example/other', 302,
    'connection: close') } }]),
  following('retries first', { redirect_response_codes: [302] }, [{ send: get('/'), answer: { up: [answer(500),
    moved('http://b.example/other')] } }], {}, { retry_policy: { retry_on: '5xx', retry_back_off: {
    base_interval: '0.001s', max_interval: '0.002s' } } }),
  following('on one connection', {}, [to('http://b.example/other'), { ...to('http://b.example/other'),
    sameConnection: true }, { send: get('/direct'), sameConnection: true }], { logLines: 5 }),
  following('pipelined', {}, [{ send: get('/') + get('/direct'), responses: 2,
    answer: { up: moved('http://b.example/other') } }], { logLines: 3 }),
];
