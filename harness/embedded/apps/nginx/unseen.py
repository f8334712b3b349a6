"""Directives that tune nginx's own workers, sockets and tables. No client can see them, so obeying them is free."""

IN_MAIN = frozenset(
    {
        "user",
        "worker_processes",
        "worker_cpu_affinity",
        "worker_priority",
        "worker_rlimit_nofile",
        "worker_shutdown_timeout",
        "pid",
        "lock_file",
        "daemon",
        "master_process",
        "pcre_jit",
        "timer_resolution",
        "thread_pool",
        "events",
    }
)

IN_HTTP = frozenset(
    {
        "sendfile",
        "sendfile_max_chunk",
        "aio",
        "tcp_nopush",
        "tcp_nodelay",
        "output_buffers",
        "postpone_output",
        "open_file_cache",
        "open_file_cache_errors",
        "open_file_cache_min_uses",
        "open_file_cache_valid",
        "log_not_found",
        "log_subrequest",
        "types_hash_max_size",
        "types_hash_bucket_size",
        "server_names_hash_max_size",
        "server_names_hash_bucket_size",
        "variables_hash_max_size",
        "variables_hash_bucket_size",
        "reset_timedout_connection",
    }
)
