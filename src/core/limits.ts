// The only home of numbers: every queue, table, pool and loop names its limit here, with its unit and its arithmetic.
// What happens when a limit is reached stands beside it. `test/core/limits.test.ts` asserts the relations.

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  // Threads and memory
  workersMax: 128,
  memoryMiBMin: 64,
  memoryMiBMax: 2047,              // offsets stay positive 32-bit integers (V8 Smis): a full region answers as documented
  memoryFixedMiB: 192,             // default size = fixed + perWorker * workers, capped at memoryMiBMax
  memoryPerWorkerMiB: 64,

  // Sockets
  fdMax: 1 << 20,                  // fd ownership table; a larger fd is closed at once and counted
  acceptBatchMax: 64,              // accepts per readiness event, so that a storm cannot starve established connections
  dealtRingEntries: 4096,          // fds dealt to one worker and not yet taken; full: main stops accepting until it drains
  eventsPerPollMax: 512,
  pollWaitMsMax: 500,              // no wait is longer: main must be able to end a worker
  workerDeathsPerMinuteMax: 5,     // then the process ends

  // Buffers: [class] bytes. Large holds one head of messageHeadBytesMax plus what is added to it.
  bufferSmallBytes: 4 * KiB,
  bufferMediumBytes: 16 * KiB,
  bufferLargeBytes: 80 * KiB,
  receiveBytesMax: 64 * KiB,       // most bytes asked of one recv

  // HTTP/1.1
  requestHeadBytesDefault: 60 * KiB,   // over: 431
  requestHeadBytesMax: 60 * KiB,       // a configuration that asks for more is rejected
  headersCountDefault: 100,            // over: 431
  headersCountMax: 1000,               // a configuration that asks for more is rejected
  chunkLineBytesMax: 512,              // chunk-size line with extensions; over: 400
  trailerBytesMax: 8 * KiB,            // over: 431 (request), 502 (response)
  addedHeadBytesMax: 16 * KiB,         // everything Weft may add to a head; over: 500 / 431

  // Back-pressure, bytes queued towards one socket
  sendHighWatermarkBytes: 256 * KiB,
  sendLowWatermarkBytes: 64 * KiB,
  sendQueueEntriesMax: 1024,
  pipelinedBytesMax: 64 * KiB,         // bytes kept while a request is in progress; then reading is suspended

  // Configuration
  clusterSlotsMax: 65536,
  routeConfigSlotsMax: 16384,
  listenerSlotsMax: 4096,
  endpointStatesMax: 131072,
  rootsLiveMax: 256,                   // published and not yet released; further changes wait and are coalesced

  // Statistics and logs
  logRingBytes: 1 * MiB,               // per worker; full: lines are dropped and counted
  logLineBytesMax: 16 * KiB,           // longer lines are cut
} as const;
