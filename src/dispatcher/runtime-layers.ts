// The runtime's layers on main: static values, files, and what the admin server set. Owns which value is in force, and
// tells whoever uses it after each change. A disk layer is read again when the link at its root is swapped; what cannot
// be read leaves the last good values of that layer.
import { readdirSync, readFileSync, statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { RuntimeLayer } from '../config/bootstrap/bootstrap.js';
import { runtimeValueOf } from '../config/runtime.js';
import type { RuntimeEntries, RuntimeValue } from '../config/runtime.js';
import { errorText } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Log } from '../core/log.js';
import type { ComputedStatistic } from '../telemetry/statistics.js';

export interface RuntimeOptions {
  layers: readonly RuntimeLayer[];
  serviceCluster: string;
  /** All values that are in force, at the start and after each change. */
  onChange(entries: RuntimeEntries): void;
  log: Log;
}

interface Layer { config: RuntimeLayer; values: Map<string, RuntimeValue>; watcher: FSWatcher | null }

/** What /runtime shows: every key with its value in each layer ('' where it has none). */
export interface RuntimeView { layers: string[]; entries: [key: string, final: string, byLayer: string[]][] }

export class RuntimeLayers {
  private readonly layers: Layer[];
  private readonly counts = { loadSuccess: 0, loadError: 0, overrideDirExists: 0, overrideDirNotExists: 0 };
  private settling: NodeJS.Timeout | null = null;

  constructor(private readonly options: RuntimeOptions) {
    this.layers = options.layers.map((config) => ({ config, watcher: null,
      values: new Map(config.kind === 'static' ? config.entries : []) }));
  }

  /** Reads the files, begins to watch them, and tells the values. */
  start(): void {
    for (const layer of this.layers) {
      const { config } = layer;
      if (config.kind !== 'disk') continue;
      this.readDisk(layer);
      try {
        layer.watcher = watch(dirname(config.root), { persistent: false }, (event, name) => {
          if (event === 'rename' && (name === null || name === basename(config.root))) this.settle();
        });
        layer.watcher.on('error', (error) => this.options.log.warn(`runtime ${config.root}: ${errorText(error)}`));
      } catch (error) {
        this.options.log.warn(`runtime ${config.root} is not watched: ${errorText(error)}`);
      }
    }
    this.tell();
  }

  close(): void {
    for (const layer of this.layers) layer.watcher?.close();
    if (this.settling !== null) clearTimeout(this.settling);
  }

  /** Sets or, with an empty value, removes overrides. Returns what is wrong, or null. */
  modify(changes: readonly (readonly [key: string, value: string])[]): string | null {
    const admin = this.layers.find(({ config }) => config.kind === 'admin');
    if (admin === undefined) return 'No admin layer specified';
    if (admin.values.size + changes.length > limits.runtimeKeysMax) return `more than ${limits.runtimeKeysMax} keys`;
    for (const [key, value] of changes) {
      if (value === '') admin.values.delete(key); else admin.values.set(key, runtimeValueOf(value));
    }
    this.tell();
    return null;
  }

  view(): RuntimeView {
    const keys = [...new Set(this.layers.flatMap(({ values }) => [...values.keys()]))].sort();
    return { layers: this.layers.map(({ config }) => config.name),
      entries: keys.map((key) => {
        const byLayer = this.layers.map(({ values }) => values.get(key)?.text ?? '');
        return [key, byLayer.filter((text) => text !== '').at(-1) ?? '', byLayer];
      }) };
  }

  *statistics(): Iterable<ComputedStatistic> {
    const { loadSuccess, loadError, overrideDirExists, overrideDirNotExists } = this.counts;
    const admin = this.layers.find(({ config }) => config.kind === 'admin');
    const counter = (name: string, value: number) => ({ name: `runtime.${name}`, value, type: 'counter' as const });
    const gauge = (name: string, value: number) => ({ name: `runtime.${name}`, value, type: 'gauge' as const });
    yield gauge('admin_overrides_active', (admin?.values.size ?? 0) > 0 ? 1 : 0);
    yield counter('deprecated_feature_use', 0);
    yield gauge('deprecated_feature_seen_since_process_start', 0);
    yield counter('load_error', loadError);
    yield counter('load_success', loadSuccess);
    yield gauge('num_keys', this.current().size);
    yield gauge('num_layers', this.layers.length);
    yield counter('override_dir_exists', overrideDirExists);
    yield counter('override_dir_not_exists', overrideDirNotExists);
  }

  private settle(): void {
    this.settling ??= setTimeout(() => {
      this.settling = null;
      for (const layer of this.layers) this.readDisk(layer);
      this.tell();
    }, limits.subscriptionSettleMs).unref();
  }

  private readDisk(layer: Layer): void {
    const { config } = layer;
    if (config.kind !== 'disk') return;
    const root = join(config.root, config.subdirectory, config.appendServiceCluster ? this.options.serviceCluster : '');
    try {
      const exists = statSync(root, { throwIfNoEntry: false }) !== undefined;
      this.counts[exists ? 'overrideDirExists' : 'overrideDirNotExists']++;
      const values = new Map<string, RuntimeValue>();
      if (exists) this.readFolder(root, '', 0, values);
      layer.values = values;
    } catch (error) {
      this.counts.loadError++;
      this.options.log.error(`runtime ${root} cannot be read, its last values stay: ${errorText(error)}`);
    }
  }

  private readFolder(folder: string, prefix: string, depth: number, values: Map<string, RuntimeValue>): void {
    if (depth > limits.runtimeDepthMax) return;
    for (const name of readdirSync(folder)) {
      if (name.startsWith('.')) continue;                       // Kubernetes keeps its versions in such folders
      const path = join(folder, name);
      const key = prefix === '' ? name : `${prefix}.${name}`;
      const info = statSync(path);
      if (info.isDirectory()) this.readFolder(path, key, depth + 1, values);
      else if (info.size > limits.runtimeFileBytesMax || values.size >= limits.runtimeKeysMax)
        this.options.log.warn(`runtime file ${path} is not read: too large, or too many`);
      else values.set(key, runtimeValueOf(readFileSync(path, 'utf8')));
    }
  }

  private current(): Map<string, RuntimeValue> {
    const all = new Map<string, RuntimeValue>();
    for (const { values } of this.layers) for (const [key, value] of values) all.set(key, value);
    return all;
  }

  private tell(): void {
    this.counts.loadSuccess++;
    this.options.onChange([...this.current()]);
  }
}
