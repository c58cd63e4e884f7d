-- For wrk: sends the requests of a file in turn, and writes the results to another file.
--
-- The file contains whole HTTP requests, separated by NUL, so that none is built while the clock runs.

local all = {}
local position = 0
laps = 0 -- global: `done` reads it from each thread

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  local file = assert(io.open(os.getenv("BENCH_REQUESTS"), "rb"))
  local text = file:read("*a")
  file:close()
  for one in text:gmatch("[^%z]+") do
    all[#all + 1] = one
  end
end

function request()
  position = position + 1
  if position > #all then
    position = 1
    laps = laps + 1
  end
  return all[position]
end

function done(summary, latency)
  local laps = 0
  for _, thread in ipairs(threads) do
    laps = laps + thread:get("laps")
  end
  local errors = summary.errors
  local file = assert(io.open(os.getenv("BENCH_RESULT"), "w"))
  file:write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"max":%d,"laps":%d,' ..
      '"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, laps,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout
  ))
  file:close()
end
