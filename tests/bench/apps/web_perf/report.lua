-- Ends wrk's output with a line of JSON: times in microseconds, and a percentile that wrk itself does not print.
done = function(summary, latency)
    local errors = summary.errors
    print(string.format(
        '{"requests": %d, "duration": %d, "p50": %d, "p99": %d, "p99_9": %d, '
            .. '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}',
        summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
        errors.connect, errors.read, errors.write, errors.timeout, errors.status
    ))
end
