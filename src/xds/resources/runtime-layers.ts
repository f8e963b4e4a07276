// bootstrap.v3.LayeredRuntime: the layers in order, and the values of static ones.
import type { RuntimeLayer } from '../../config/bootstrap/bootstrap.js';
import { fractionOf } from '../../config/runtime.js';
import type { RuntimeValue } from '../../config/runtime.js';
import { limits } from '../../core/limits.js';
import type { LayeredRuntime, RuntimeLayer as RuntimeLayerMessage } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Json, Report } from '../wire/message.js';

/** The layers; without any, one that the admin server may fill, as Envoy. */
export function readRuntimeLayers(message: LayeredRuntime | undefined, path: string, report: Report): RuntimeLayer[] {
  if (message === undefined) return [{ name: '', kind: 'admin' }];
  const names = new Set<string>();
  let admins = 0;
  return (message.layers ?? []).map((layer, index): RuntimeLayer => {
    const at = fieldPath(path, `layers[${index}]`);
    const name = layer.name ?? '';
    if (names.has(name)) report.fail(fieldPath(at, 'name'), `duplicate layer name '${name}'`);
    names.add(name);
    if (layer.adminLayer !== undefined && ++admins > 1) report.fail(at, 'too many admin layers: at most one');
    return readLayer(layer, name, at, report);
  });
}

function readLayer(layer: RuntimeLayerMessage, name: string, path: string, report: Report): RuntimeLayer {
  if (layer.staticLayer !== undefined) {
    const entries: [string, RuntimeValue][] = [];
    flatten(layer.staticLayer as { [key: string]: Json }, '', fieldPath(path, 'static_layer'), report, entries);
    return { name, kind: 'static', entries };
  }
  const disk = layer.diskLayer;
  if (disk === undefined) return { name, kind: 'admin' };
  if ((disk.symlinkRoot ?? '') === '') report.fail(`${path}.disk_layer.symlink_root`, 'required');
  return { name, kind: 'disk', root: disk.symlinkRoot ?? '', subdirectory: disk.subdirectory ?? '',
    appendServiceCluster: disk.appendServiceCluster ?? false };
}

/** Nested structs are keys with dots; one with numerator and denominator is a fraction. */
function flatten(struct: { [key: string]: Json }, prefix: string, path: string, report: Report,
  entries: [string, RuntimeValue][]): void {
  for (const [name, value] of Object.entries(struct)) {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    if (entries.length >= limits.runtimeKeysMax) {
      report.fail(path, `more than ${limits.runtimeKeysMax} keys`);
      return;
    }
    if (value === null || Array.isArray(value)) report.fail(path, `invalid runtime entry value for ${key}`);
    else if (typeof value === 'object') {
      const fraction = fractionOf(value);
      if (fraction !== null) entries.push([key, { text: JSON.stringify(value), fraction }]);
      else flatten(value, key, path, report, entries);
    } else entries.push([key, { text: String(value), fraction: null }]);
  }
}
