// The Location of a redirect (envoy.config.route.v3.RedirectAction), from the decoded request.
import { Head, RequestEdits, RequestEditsFlag } from '../../core/generated/layouts.js';
import type { RedirectAction } from '../../config/types.js';
import { Replacement } from '../routing/expression.js';
import { forwardedProto } from '../routing/regex.js';
import type { Engine } from '../engine.js';

export function locationOf(engine: Engine, action: RedirectAction, matchedBytes: number): string {
  const words = engine.requestRecord >> 2;
  const edits = engine.requestEdits >> 2;
  const { i32 } = engine;
  const authority = engine.readText(i32[words + Head.hostAt], i32[words + Head.hostBytes]);
  const normalized = i32[edits + RequestEdits.pathBytes];
  const full = normalized > 0 ? engine.readText(i32[edits + RequestEdits.pathAt], normalized)
    : engine.readText(i32[words + Head.pathAt], i32[words + Head.pathBytes]);
  const cameByHttps = (i32[edits + RequestEdits.flags] & RequestEditsFlag.schemeHttps) !== 0;
  const scheme = action.scheme ?? (action.httpsRedirect || cameByHttps ? 'https' : 'http');
  const question = full.indexOf('?');
  const path = question < 0 ? full : full.slice(0, question);
  const query = question < 0 ? '' : full.slice(question);
  let target = path === '' ? '/' : path;
  if (action.path !== null) target = action.path;
  else if (action.regexRewrite !== null) target = new Replacement(action.regexRewrite).apply(target) || target;
  else if (action.prefixRewrite !== null && matchedBytes < 0) target = action.prefixRewrite;
  else if (action.prefixRewrite !== null) target = action.prefixRewrite + target.slice(matchedBytes);
  const ownQuery = action.path !== null && target.includes('?');
  const host = hostOf(action, authority, scheme, forwardedProto(engine));
  // What a rewrite makes must not run into the host's name.
  const slash = target.startsWith('/') ? '' : '/';
  return `${scheme}://${host}${slash}${target}${action.stripQuery || ownQuery ? '' : query}`;
}

/**
 * The host as asked or replaced. A port that is the default of how the request came is dropped when the scheme
 * changes.
 */
function hostOf(action: RedirectAction, authority: string, scheme: string, proto: string): string {
  const port = /:(\d+)$/.exec(authority);
  const bare = port === null || /^\[[^\]]*$/.test(authority) ? authority : authority.slice(0, port.index);
  const host = action.host ?? bare;
  if (action.port !== null && action.port !== 0) return `${host}:${action.port}`;
  const given = port?.[1];
  if (given === undefined || action.host !== null) return host;
  return scheme !== proto && given === (proto === 'https' ? '443' : '80') ? host : `${host}:${given}`;
}
