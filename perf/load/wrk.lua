-- Drives wrk for perf/load/wrk.ts. Arguments after "--": method, path, body bytes, then host names; they are used in
-- turn. Prints one line of JSON at the end, because wrk's own output rounds.
local requests, count, at = {}, 0, 0

function init(args)
  local method, path, bytes = args[1], args[2], tonumber(args[3])
  local body = nil
  if bytes > 0 then body = string.rep("x", bytes) end
  for index = 4, #args do
    wrk.headers["Host"] = args[index]
    count = count + 1
    requests[count] = wrk.format(method, path, wrk.headers, body)
  end
end

function request()
  at = at + 1
  if at > count then at = 1 end
  return requests[at]
end

function done(summary, latency, calls)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"micros":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,' ..
    '"timeout":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.connect, errors.read, errors.write, errors.status,
    errors.timeout, latency:percentile(50), latency:percentile(99)))
end
