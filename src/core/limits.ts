// The only home of numbers: every queue, table, pool and loop names its limit here, with its unit and its arithmetic.
// What happens when a limit is reached stands beside it. `test/core/limits.test.ts` asserts the relations.

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  // Threads and memory
  workersMax: 128,
  memoryMiBMin: 64,
  // offsets stay positive 32-bit integers (V8 Smis): a full region answers as documented
  memoryMiBMax: 2047,
  memoryFixedMiB: 192,             // default size = fixed + perWorker * workers, capped at memoryMiBMax
  memoryPerWorkerMiB: 64,

  // Sockets
  fdMax: 1 << 20,                  // fd ownership table; a larger fd is closed at once and counted
  acceptBatchMax: 64,              // accepts per readiness event, so that a storm cannot starve established connections
  // fds dealt to one worker and not yet taken; full: main stops accepting until it drains
  dealtRingEntries: 4096,
  eventsPerPollMax: 512,
  pollWaitMsMax: 500,              // no wait is longer: main must be able to end a worker
  receivesPerPollMax: 4,           // recvs of one socket in one poll; then the others have their turn
  receiveRetryMs: 2,               // no receive buffer free: receiving is tried again after this
  acceptRetryMs: 100,              // EMFILE and the like: accepting is tried again after this
  sendVectorsMax: 64,              // pieces of one sendmsg
  sendMessageBytesMax: 1024 * KiB, // of one sendmsg, about
  sendGatherBytesMax: 64 * 1024,   // pieces sent with `more` are held back, and leave together, up to this many bytes
  sendNodesMax: 65536,             // pieces queued by all sockets of a worker; full: that send fails with ENOBUFS
  workerDeathsPerMinuteMax: 5,     // then the process ends
  clusterTraitsMax: 256,           // kinds of clusters that workers tell apart; further ones share nothing
  serverNamesMax: 256,             // of a cluster's requests, for TLS (auto_sni); further ones take the oldest's place
  channelsMax: 1 << 19,            // TLS sessions and HTTP/2 streams of one worker; over: they are refused
  restartMessagesPerTurnMax: 64,   // of the other process of a restart; the rest in the next turn
  restartAnswerMs: 5000,           // of the running process; later: the new one does not start
  workerQuestionsMax: 64,          // open questions of main to workers (describe, cpuProfile); over: refused at once

  // Listener filters
  clientHelloBytesMax: 16 * KiB,   // a longer ClientHello closes the connection
  inspectedHeadBytesMax: 64 * KiB, // a request line that is not complete by then closes the connection
  proxyHeaderBytesMax: 64 * KiB,   // PROXY protocol with its extensions; its length has 16 bits
  networkFiltersMax: 16,           // of a chain, before the one that ends it; a configuration that has more is rejected
  predicateDepthMax: 16,           // predicates inside predicates; a configuration that goes deeper is rejected

  // Buffers: [class] bytes. Large holds one head of requestHeadBytesMax plus what is added to it.
  bufferSmallBytes: 4 * KiB,
  bufferMediumBytes: 16 * KiB,
  bufferLargeBytes: 80 * KiB,
  receiveBytesMax: 64 * KiB,       // most bytes asked of one recv

  // TLS
  handshakesPerTurnMax: 4,         // steps of handshakes in one turn; the others wait for the next one
  tlsHandshakeMs: 15_000,          // where transport_socket_connect_timeout says nothing; then the connection closes
  ocspStapleBytesMax: 16 * KiB,    // a larger response is refused with the configuration
  tlsHelloBytesMax: 64 * KiB,      // of a handshake that wait for their turn; more end the connection
  tlsAnswersMax: 32,               // key updates in a row, without a byte for anybody; more end the connection

  // RPC
  rpcUntakenBytesMax: 1 * MiB,     // of bodies on one connection that nobody takes yet; then its peer waits
  rpcHeldUpMs: 1000,               // an endpoint waits so for one client; then that call ends, if others wait as well
  rpcLingerMs: 1000,               // for what is sent last: to an endpoint; to a client without delayed_close_timeout
  rpcUnsentBytesMax: 8 * MiB,      // answers that a client does not read; more (less if memory is short) end it
  rpcInspectedBytesMax: 64 * KiB,  // a frame up to this is looked at whole where its attachments are at the end
  rpcControlsMax: 256,             // heartbeats that wait for the end of one frame, or for a peer that does not read
  rpcStreamsKept: 256,             // stream objects that a client's connection keeps for its next requests
  rpcUpstreamStreamsKept: 16384,   // likewise, of a connection to an endpoint, where requests of many clients meet
  rpcReadOnlyMs: 60_000,           // that an endpoint which takes no new calls is believed, while it does not go
  sofaTracesMax: 8192,             // traces whose calls are numbered (a power of two); older ones make way
  sofaRpcIdBytesMax: 128,          // of a call's id; a longer one gets no child, it goes on as it is
  rpcLateAnswersMax: 4096,         // requests given up whose answers have not come; then the connection takes no more

  // HTTP/2
  headerTableBytesMax: 64 * KiB,       // hpack_table_size; a configuration that asks for more is rejected
  http2StreamWindowBytesMax: 1 * MiB,  // what of a stream may wait here; larger windows are made so large
  http2ConnectionWindowBytesMax: 8 * MiB,
  http2FrameBytesMax: 16 * KiB,        // SETTINGS_MAX_FRAME_SIZE, which we leave: larger frames end the connection
  http2SentFrameBytesMax: 16 * KiB,    // of DATA that we send: one frame's worth is a stream's turn
  frameCopyBytesMax: 4 * KiB,          // DATA up to this is copied between other frames; more goes from where it lies
  continuationFramesMax: 32,           // behind one HEADERS; more end the connection (ENHANCE_YOUR_CALM)
  http2StreamsAssumed: 100,            // of a peer, before its SETTINGS have come
  http2StreamsKept: 128,               // stream objects that an open connection keeps for its next requests
  http2UpstreamStreamsKept: 1024,      // likewise, of a connection to an endpoint, of which there are fewer
  http2ResetsRemembered: 64,           // streams that we have reset: frames sent before the peer knew are no errors
  http2StalledMax: 8,                  // streams that could not send in one turn of a connection; then the next turn
  prematureResetsFrom: 500,            // requests of a connection, half of them reset early: it floods (as Envoy)

  // RPC protocols
  rpcFrameBytesDefault: 64 * MiB,      // of a whole frame, which is never kept whole; longer: refused
  rpcRequestsDefault: 16384,           // in progress on one connection; over: refused as overload
  rpcRequestsMax: 1 << 20,             // a configuration that asks for more is rejected
  rpcGatheredBytesMax: 64 * KiB,       // requests up to this go on whole, larger ones as they come
  rpcJsonBytesDefault: 1 * MiB,        // of a body that becomes JSON or was: request 413, answer 502
  rpcJsonBytesMax: 8 * MiB,            // a configuration that asks for more is rejected
  rpcCodecsMax: 16,                    // users' codecs in a bootstrap; one with more is rejected
  rpcCodecBytesMax: 16 * MiB,          // of such a codec's file; likewise
  rpcCodecMemoryBytesDefault: 16 * MiB,
  rpcCodecMemoryBytesMax: 256 * MiB,   // of an instance, of which each worker has one; likewise
  rpcCodecTableMax: 64 * KiB,          // functions in such a codec's table; likewise
  rpcCodecWorkPerMs: 2_000_000,        // that a codec may do in a ms of max_call_time (docs/protocols.md)
  rpcCodecFirstBytes: 1 * KiB,         // of a frame that a codec is shown first; all that is there if it wants more
  rpcCodecRestartMs: 100,              // a codec that has trapped begins anew, at most so often
  rpcCodecLogMs: 1000,                 // and its mistakes are logged at most so often; all are counted

  // HTTP/1.1
  requestHeadBytesDefault: 60 * KiB,   // over: 431
  requestHeadBytesMax: 60 * KiB,       // a configuration that asks for more is rejected
  headersCountDefault: 100,            // over: 431
  headersCountMax: 1000,               // a configuration that asks for more is rejected
  chunkLineBytesMax: 512,              // chunk-size line with extensions; over: 400
  bodyCopyBytesMax: 8 * KiB,       // bodies up to this are copied behind their head; longer ones go from where they lie
  forwardProxyHostsMax: 8192,      // of one DNS cache; more are refused in configuration, further hosts get 503
  grpcMethodsMax: 4096,            // that grpc_stats counts apart in a worker; further ones count with their cluster's
  workerAsksMax: 4096,             // questions of one worker to main that are open; its requests get 503
  descriptorBytesMax: 4 * MiB,
    // of a grpc_json_transcoder's descriptor set; a configuration with a larger one is rejected
  descriptorTypesMax: 65536,       // messages and enumerations of it; likewise
  descriptorDepthMax: 64,          // messages declared within messages, and bindings within bindings; likewise
  transcodedDepthMax: 100,         // of JSON and of messages, as protobuf has it; deeper: 400 or 502
  jsonTokenBytesMax: 64 * KiB,     // of a number or a bare key that comes in pieces; longer: 400
  grpcPieceBytesMax: 1 * MiB,      // of a streamed body in one message: servers take 4 MiB (as Envoy)
  descriptorsKept: 2,              // linked descriptor sets of a thread that a further filter may share
  pathTemplatesMax: 16384,         // of its services; likewise
  httpFiltersMax: 31,              // of one connection manager: a bit each in a stream's word; more are refused
  tokenBucketsMax: 8192,           // of the process; a configuration that needs more is refused
  rateLimitDescriptorsMax: 256,    // of one local_ratelimit filter; more are refused
  virtualClustersMax: 256,             // of a virtual host; a configuration that has more is rejected
  mirrorsMax: 16,                      // request_mirror_policies of a level; a configuration that has more is rejected
  scopeFragmentsMax: 16,               // of a scope's key; a configuration that has more is rejected
  hedgesMax: 8,                        // attempts of a request beside its newest; over: no further one is begun
  shadowsMax: 4096,                    // mirrored requests in progress, a worker; over: not mirrored, counted
  trailerBytesMax: 8 * KiB,            // over: 431 (request), 502 (response)
  clientCertBytesMax: 16 * KiB,        // of x-forwarded-client-cert that is set or added to; longer: 431
  rewrittenBytesMax: 16 * KiB,         // a path or host that an expression makes; longer: 500
  addedHeadBytesMax: 16 * KiB,         // what always fits a large buffer beside the longest head; over: 503

  // Back-pressure, bytes queued towards one socket
  sendHighWatermarkBytes: 256 * KiB,
  // repetitions of a request whose keep-alive connection died before any response byte; over: 503
  staleRetriesMax: 2,
  receiveBytesUnderPressure: 4 * KiB,        // at a time, while buffers are short
  // pieces, whatever their size: 48 large buffers are 4 MiB; below sendQueueEntriesMax
  sendPiecesHighWatermark: 48,
  sendQueueEntriesMax: 1024,
  // a body at least this long is received with larger buffers where the driver has them
  bulkBodyBytes: 128 * KiB,
  // bytes kept while a request is in progress; then reading is suspended. One more receive still fits a large buffer:
  // 12 + 64 < 80
  pipelinedBytesMax: 12 * KiB,

  // Configuration
  clusterSlotsMax: 65536,
  routeConfigSlotsMax: 16384,
  listenerSlotsMax: 4096,
  secretSlotsMax: 32768,               // certificates, validation contexts and ticket keys by name
  ticketKeyMs: 4 * 3_600_000,          // a ticket key of the process seals for so long
  ticketKeysMax: 3,                    // of the process: one seals, those before it open what they sealed
  secretFileBytesMax: 4 * MiB,         // certificates, keys, revocation lists; a larger file is not read
  endpointStatesMax: 131072,
  // of endpointStatesMax, the last ones: endpoints that workers find by themselves (ORIGINAL_DST), in all clusters; a
  // power of two. Over: 503 for a new destination
  discoveredEndpointsMax: 8192,
  discoveredProbesMax: 64,             // places of the table that one endpoint may have
  // places of a ring or of Maglev's table, 12 and 4 bytes each in every worker that uses the cluster; below 2^21. A
  // table that is configured larger is rejected; a ring that weights make larger ends here, less exactly
  hashTableEntriesMax: 1 << 20,
  // bytes kept of an endpoint's answer to a health check, whatever response_buffer_size says; what is looked for and
  // lies beyond is not found
  healthAnswerBytesMax: 64 * KiB,
  preconnectsMax: 3,                   // connections that one request opens beyond its own, as in Envoy
  // addresses of one endpoint; a configuration with more is rejected, of a name with more the first are taken
  endpointAddressesMax: 16,
  // requests of one endpoint and interval that outlier detection counts (16 bits with room for one more of each
  // worker); further ones are not counted
  outlierRequestsMax: 65_000,
  // endpoints in subsets, of all subsets of a cluster together; further ones are in none, and their subsets' requests
  // fall back
  subsetMembershipsMax: 1 << 17,
  rootsLiveMax: 256,                   // published and not yet released; further changes wait and are coalesced
  configDepthMax: 100,                 // messages inside messages, as protobuf's readers; deeper is rejected
  configErrorsMax: 1000,               // reported of one input; more are counted
  configFileBytesMax: 512 * MiB,       // a larger file is rejected (V8's strings end at 536,870,888 characters)
  // values that YAML aliases may expand to, so that a small file cannot become a huge one
  configYamlAliasesMax: 10_000,
  // larger inputs are decoded by a thread of the compile pool, so that main never stalls
  compileInlineBytesMax: 1 * MiB,
  compilePoolIdleMs: 1000,             // then its thread ends and its heap is returned
  subscriptionPollMs: 1000,            // a change that no directory event announced is found this late
  // events of one change arrive in bursts: the file is read this long after the first
  subscriptionSettleMs: 20,
  subscriptionStatsPerPollMax: 1000,   // files looked at in one poll; more files are polled less often
  directResponseBodyBytesDefault: 4096,
  runtimeKeysMax: 10_000,              // of one layer; a static layer with more is rejected, further files are not read
  runtimeFileBytesMax: 64 * KiB,       // a longer runtime file is not read
  runtimeDepthMax: 16,                 // folders inside folders of a runtime disk layer; deeper ones are not read

  // Statistics and logs
  logRingBytes: 1 * MiB,               // per worker; full: lines are dropped and counted
  logLineBytesMax: 16 * KiB,           // longer lines are cut

  // Telemetry and admin, main thread
  logSinksMax: 1024,                   // distinct access-log targets; a configuration that names more is rejected
  logSinkQueueBytes: 4 * MiB,          // waiting for one blocked sink; further lines are dropped and counted
  logSinkPieceBytes: 64 * KiB,         // one write
  // between looks at the rings: 1 MiB then takes 10 MiB/s of lines per worker, from the first on
  logPumpIntervalMs: 100,
  logPumpBusyIntervalMs: 20,           // after a look that found a ring a quarter full: 50 MiB/s
  // scopes with interval histograms, only while somebody reads them; the rest print nan
  histogramScopesTrackedMax: 8192,
  scopesFreeMax: 4096,                 // statistics scopes kept for reuse
  adminConnectionsMax: 64,             // further ones are closed at once
  adminHeaderBytesMax: 32 * KiB,
  // an answer is produced in pieces of about this size, the event loop runs between them
  adminChunkBytes: 64 * KiB,
  adminEndpointsShownMax: 1000,        // of one cluster on the admin page; /clusters has them all
  adminFlameSecondsMax: 30,            // longest profile that the admin page may ask for
  adminFilterLengthMax: 4096,          // regular expression of a query
  cpuProfileSecondsMax: 300,           // a profile nobody stops is stopped
} as const;
