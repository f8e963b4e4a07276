// Base64 in pieces, and trailers in a frame.
import t from 'tap';
import { Base64Error, Base64Pieces, FramesAsText, trailersFrame } from '../../src/transcode/grpc-web.js';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
function decoded(...pieces: readonly string[]): string {
  const base64 = new Base64Pieces();
  return [...pieces.map((piece) => latin1(base64.take(Buffer.from(piece)))), latin1(base64.end())].join('');
}
function refused(...pieces: readonly string[]): string {
  try { return decoded(...pieces); } catch (error) { return error instanceof Base64Error ? `bySize ${error.bySize}`
    : 'thrown'; }
}

t.test('base64, whole and split at every letter', async (t) => {
  const text = 'AAAAAAYKBG5hbWU=', bytes = '\0\0\0\0\x06\x0a\x04name';
  t.equal(decoded(text), bytes);
  for (let at = 0; at <= text.length; at++) t.equal(decoded(text.slice(0, at), text.slice(at)), bytes, String(at));
  t.equal(decoded(...text), bytes);
  t.equal(decoded(), '');
});

t.test('what is no base64', async (t) => {
  t.equal(refused('abc'), 'bySize true');
  t.equal(refused('abcd', 'a'), 'bySize true');
  t.equal(refused('a*c='), 'bySize false');
  t.equal(refused('YQ==YQ=='), 'bySize false');
  t.equal(refused('ab-_'), 'bySize false');
});

t.test('trailers', async (t) => {
  t.equal(latin1(trailersFrame('Grpc-Status: 0\r\nx: a: b\r\n')), '\x80\0\0\0\x17grpc-status:0\r\nx:a: b\r\n');
});

t.test('frames as text, each by itself, whatever their flag', async (t) => {
  const frames = new FramesAsText();
  t.equal(latin1(frames.take(Buffer.from('\0\0\0', 'latin1'))), '');
  t.equal(latin1(frames.take(Buffer.from('\0\x01a\x01\0\0\0\0\0', 'latin1'))), 'AAAAAAFhAQAAAAA=');
});
