-- wrk's side of benches/load/run: the requests, and every figure of the run.
--
-- The depth is the script's only argument. The request is built once, so wrk
-- treats it as static and runs no Lua while it measures; it counts the requests
-- in it and waits for as many answers.

function init(arguments)
   local depth = tonumber(arguments[1])
   local request = wrk.format():rep(depth)
   wrk.format = function() return request end
end

-- One line for the sums, then the histogram of latencies, in microseconds.
function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      "sums requests=%d duration=%d connect=%d read=%d write=%d timeout=%d status=%d\n",
      summary.requests, summary.duration, errors.connect, errors.read,
      errors.write, errors.timeout, errors.status))
   for i = 1, #latency do
      local value, count = latency(i)
      io.write(string.format("latency %d %d\n", value, count))
   end
end
