"""What is asked of the request log: filters read, calls found in bounded time, lines of an export."""
