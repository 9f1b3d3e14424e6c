#pragma once
/*
 * The configuration: every key of medbookd with its type, default, range and meaning, in one
 * table. A value comes from, in rising order: the default here, the file (medbookd.conf:
 * `key = value`, # comments), the environment (MEDBOOKD_ + key in capitals, dots as underscores),
 * the command line (--set key=value). A wrong type, and what cannot be an address, a user, a folder or a
 * connection string, are refused by name and line; a key that is not here must be one that scripts declare
 * (config_declared.h), else it is refused too.
 * Durations take ms, s, min, h, d; sizes take B, KB, MB, GB (1024).
 */
#include <stdint.h>

#include "base/buf.h"

enum mb_config_type {
    MB_CFG_INT,
    MB_CFG_BOOL,
    MB_CFG_MS,
    MB_CFG_BYTES,
    MB_CFG_WORD,
    MB_CFG_NETWORKS, /* addresses and networks, separated by commas or blanks */
    MB_CFG_ORIGINS,  /* scheme://host[:port], separated by commas or blanks; or * */
    MB_CFG_TYPES,    /* media types, separated by commas or blanks */
    MB_CFG_HOSTS,    /* host names without port, separated by commas or blanks */
    MB_CFG_URL,      /* scheme://host[:port] of http or https, or empty */
    MB_CFG_HOST,     /* a host name or a numeric address, or empty */
    MB_CFG_ADDRESS,  /* an address for mail, without a name, or empty */
    MB_CFG_TEXT,     /* any text of one line, or empty */
    MB_CFG_PLACE,    /* address and port to listen at, or one of the words */
    MB_CFG_DSN,      /* connection string or URI of libpq, or empty; may hold a password */
    MB_CFG_USER,     /* name of an unprivileged user, or empty */
    MB_CFG_PORTS,    /* ports and ranges of them */
    MB_CFG_FILE,     /* a file, or empty */
    MB_CFG_FOLDER,   /* a folder, which need not exist yet */
    MB_CFG_HOME,     /* a folder with lua/ and migrations/, or empty */
    MB_CFG_ZONE,     /* a time zone of the system, by its IANA name */
    MB_CFG_COUNTRIES /* country codes of telephone numbers, separated by commas or blanks */
};

/* X(member, "key", type, "default", least, most, "words|allowed", "help") */
#define MB_CONFIG_MAP(X)                                                                           \
    X(listen, "listen", PLACE, "127.0.0.1:8080", 0, 0, "", "address and port of the API")          \
    X(admin_listen, "admin_listen", PLACE, "127.0.0.1:8081", 0, 0, "off",                          \
      "address and port of /metrics and health; keep it private; off = none")                      \
    X(admin_hosts, "admin_hosts", HOSTS, "", 0, 0, "",                                             \
      "names by which the admin address may be called beside localhost and numeric addresses, "    \
      "such as that of a container")                                                               \
    X(data_dir, "data_dir", FOLDER, "var", 0, 0, "",                                               \
      "where the embedded database and the secret key live")                                       \
    X(home, "home", HOME, "", 0, 0, "",                                                            \
      "folder with lua/ and migrations/; empty = beside the program")                              \
    X(workers, "workers", INT, "0", 0, 64, "", "worker processes; 0 = one per processor")          \
    X(user, "user", USER, "", 0, 0, "",                                                            \
      "user of all processes but the supervisor when started as root; empty = medbookd, else "     \
      "postgres")                                                                                  \
    X(time_zone, "time_zone", ZONE, "Africa/Johannesburg", 0, 0, "",                               \
      "whose days count where no provider is known; each provider has a time zone")                \
    X(log_level, "log.level", WORD, "info", 0, 0, "debug|info|warn|error",                         \
      "least level that is logged")                                                                \
    X(log_access, "log.access", BOOL, "true", 0, 0, "", "one line per request")                    \
    X(log_buffer, "log.buffer", BYTES, "1MB", 65536, 1073741824, "",                               \
      "lines of one process that wait for who reads the log; more are dropped and counted")        \
    X(shutdown_timeout, "shutdown_timeout", MS, "10s", 0, 3600000, "",                             \
      "how long SIGTERM waits for requests in flight")                                             \
    X(worker_hang_timeout, "worker.hang_timeout", MS, "10s", 0, 3600000, "",                       \
      "a worker without a heartbeat for this long is killed; 0 = never")                           \
    X(worker_start_timeout, "worker.start_timeout", MS, "30s", 0, 3600000, "",                     \
      "a worker that is not up after this long is killed; 0 = never")                              \
    X(worker_memory, "worker.script_memory", BYTES, "256MB", 8388608, 17179869184, "",             \
      "memory of the scripts of one worker")                                                       \
    X(worker_script_cpu, "worker.script_cpu", MS, "50ms", 0, 3600000, "",                          \
      "processor time that a request takes between two waits before it is ended; 0 = no limit")    \
    X(worker_restart_pause_max, "worker.restart_pause_max", MS, "5s", 100, 3600000, "",            \
      "longest pause before a process that ends again and again is started anew; the embedded "    \
      "database too")                                                                              \
    X(database_url, "database.url", DSN, "", 0, 0, "",                                             \
      "libpq connection string or URI; empty = the embedded PostgreSQL under data_dir")            \
    X(database_log_size, "database.log_size", BYTES, "16MB", 65536, 1073741824, "",                \
      "the log of the embedded PostgreSQL; over that it becomes postgres.log.1")                   \
    X(database_stop_timeout, "database.stop_timeout", MS, "60s", 1, 86400000, "",                  \
      "how long the embedded PostgreSQL may take to write its data and end; then it ends at once " \
      "and recovers at the next start")                                                            \
    X(database_attach_timeout, "database.attach_timeout", MS, "30s", 1, 3600000, "",               \
      "how long a command waits for the embedded PostgreSQL of a medbookd that runs")              \
    X(database_pool_min, "database.pool_min", INT, "1", 1, 1000, "",                               \
      "connections a worker keeps open")                                                           \
    X(database_pool_max, "database.pool_max", INT, "8", 1, 1000, "",                               \
      "connections of one worker at most")                                                         \
    X(database_pool_reads, "database.pool_reads", INT, "1", 0, 1000, "",                           \
      "of the open connections, those that writes and transactions leave to reads; an only one "   \
      "serves all")                                                                                \
    X(database_queue_max, "database.queue_max", INT, "1000", 1, 1000000, "",                       \
      "reads of one worker that may wait for a connection, and as many others; more are refused "  \
      "with 503")                                                                                  \
    X(database_queue_timeout, "database.queue_timeout", MS, "5s", 1, 3600000, "",                  \
      "longest wait for a connection before 504")                                                  \
    X(database_connect_timeout, "database.connect_timeout", MS, "5s", 1, 3600000, "",              \
      "longest wait for one connection to open")                                                   \
    X(database_reconnect_backoff_max, "database.reconnect_backoff_max", MS, "1s", 10, 3600000, "", \
      "longest pause between two attempts to connect; the first are a fraction of it, all random") \
    X(database_reconnect_grace, "database.reconnect_grace", MS, "500ms", 0, 3600000, "",           \
      "reads wait so long for a new connection when the last is lost, before 503")                 \
    X(database_statement_timeout, "database.statement_timeout", MS, "10s", 1, 86400000, "",        \
      "longest run of one statement before it is cancelled and answered 504")                      \
    X(database_cancel_timeout, "database.cancel_timeout", MS, "1s", 1, 3600000, "",                \
      "how long the server may take to end a cancelled statement; then the connection is closed")  \
    X(database_lock_timeout, "database.lock_timeout", MS, "1s", 1, 3600000, "",                    \
      "longest wait for a row that another transaction changes; then the client is to repeat")     \
    X(database_idle_in_transaction_timeout, "database.idle_in_transaction_timeout", MS, "10s", 1,  \
      86400000, "", "the server ends a session that idles inside a transaction for this long")     \
    X(database_tcp_user_timeout, "database.tcp_user_timeout", MS, "3s", 0, 3600000, "",            \
      "a connection whose peer acknowledges nothing for this long is dead")                        \
    X(database_idle_timeout, "database.idle_timeout", MS, "60s", 1000, 86400000, "",               \
      "a connection over database.pool_min without work for this long is closed")                  \
    X(database_max_lifetime, "database.max_lifetime", MS, "30min", 1000, 86400000, "",             \
      "a connection is renewed after this, with jitter")                                           \
    X(database_conflict_retries, "database.conflict_retries", INT, "3", 0, 255, "",                \
      "how often a single statement runs again after it lost a deadlock or a serialization "       \
      "conflict")                                                                                  \
    X(database_pipeline_depth, "database.pipeline_depth", INT, "8", 1, 64, "",                     \
      "reads in flight on one connection")                                                         \
    X(database_statement_cache, "database.statement_cache", INT, "256", 16, 10000, "",             \
      "prepared statements kept per connection")                                                   \
    X(database_pooler, "database.pooler", WORD, "none", 0, 0, "none|transaction",                  \
      "transaction = a PgBouncer in transaction mode stands between")                              \
    X(migrate_lock_timeout, "migrate.lock_timeout", MS, "2s", 1, 3600000, "",                      \
      "longest wait of one statement of a migration for a lock, before it is tried again")         \
    X(migrate_lock_wait, "migrate.lock_wait", MS, "60s", 1, 86400000, "",                          \
      "how long a migration waits for another one, or for its locks, in all")                      \
    X(http_max_connections, "http.max_connections", INT, "16384", 1, 1000000, "", "per worker")    \
    X(http_backlog, "http.backlog", INT, "4096", 1, 65535, "",                                     \
      "connections of one listening socket that wait to be accepted; the kernel's own ceiling is " \
      "net.core.somaxconn")                                                                        \
    X(http_max_connections_per_address, "http.max_connections_per_address", INT, "256", 0,         \
      1000000, "",                                                                                 \
      "connections of one IPv4 address or one /64 of IPv6, over all workers; trusted proxies are " \
      "exempt; 0 = no ceiling of its own")                                                         \
    X(http_max_header_bytes, "http.max_header_bytes", BYTES, "32KB", 1024, 1048576, "",            \
      "whole head")                                                                                \
    X(http_max_header_line, "http.max_header_line", BYTES, "8KB", 256, 1048576, "",                \
      "one header field")                                                                          \
    X(http_max_headers, "http.max_headers", INT, "64", 4, 1000, "", "number of header fields")     \
    X(http_max_target, "http.max_target", BYTES, "8KB", 64, 1048576, "", "request target")         \
    X(http_max_chunk_extensions, "http.max_chunk_extensions", BYTES, "16KB", 0, 1048576, "",       \
      "chunk extensions of one request body, and zeros before chunk sizes")                        \
    X(http_max_body, "http.max_body", BYTES, "1MB", 0, 1073741824, "",                             \
      "request body, over any route's own; a streamed one has its route's alone")                                                        \
    X(http_max_json_body, "http.max_json_body", BYTES, "64KB", 64, 1073741824, "",                 \
      "request body of a route that sets no max_body of its own")                                  \
    X(http_max_query_fields, "http.max_query_fields", INT, "64", 1, 10000, "",                     \
      "fields of a query")                                                                         \
    X(http_max_pipeline_bytes, "http.max_pipeline_bytes", BYTES, "64KB", 1024, 16777216, "",       \
      "bytes read ahead while a request runs")                                                     \
    X(http_max_reply, "http.max_reply", BYTES, "64MB", 65536, 1073741824, "",                      \
      "one JSON text that a script makes: an answer, or json.encode")                              \
    X(http_max_input_bytes, "http.max_input_bytes", BYTES, "64KB", 1024, 268435456, "",            \
      "bytes of a streamed body that a script has not read; then the client has to wait")          \
    X(http_max_output_bytes, "http.max_output_bytes", BYTES, "256KB", 16384, 268435456, "",        \
      "bytes queued for one slow reader of a stream")                                              \
    X(http_head_timeout, "http.head_timeout", MS, "10s", 1, 3600000, "",                           \
      "first byte to end of the head")                                                             \
    X(http_body_timeout, "http.body_timeout", MS, "20s", 1, 3600000, "",                           \
      "longest pause inside a body")                                                               \
    X(http_body_min_rate, "http.body_min_rate", BYTES, "1KB", 0, 1073741824, "",                   \
      "bytes per second a body must keep on average after http.body_timeout; 0 = any")             \
    X(http_write_timeout, "http.write_timeout", MS, "20s", 1, 3600000, "",                         \
      "longest stall in writing")                                                                  \
    X(http_idle_timeout, "http.idle_timeout", MS, "60s", 1, 3600000, "", "between two requests")   \
    X(http_request_timeout, "http.request_timeout", MS, "30s", 1, 3600000, "", "head to reply")    \
    X(http_linger_timeout, "http.linger_timeout", MS, "5s", 1, 3600000, "",                        \
      "how long a connection waits, after its last answer, for a client that writes on to read "   \
      "it")                                                                                        \
    X(http_linger_bytes, "http.linger_bytes", BYTES, "32MB", 0, 17179869184, "",                   \
      "bytes of such a client that are read and thrown away; then the connection is cut")          \
    X(http_max_connection_requests, "http.max_connection_requests", INT, "0", 0, 1000000000, "",   \
      "requests of one connection, after which it is closed; 0 = any number")                      \
    X(http_max_connection_age, "http.max_connection_age", MS, "0ms", 0, 86400000, "",              \
      "a connection this old is closed after the answer in work; 0 = never")                       \
    X(http_tcp_keepalive, "http.tcp_keepalive", MS, "0ms", 0, 3600000, "",                         \
      "after this long without a byte the kernel asks whether the client is there; 0 = never")     \
    X(http_gzip_level, "http.gzip_level", INT, "4", 1, 9, "",                                      \
      "1 = fastest, 9 = smallest; with JSON, 4 is within 5 % of 6 for about half of its time")     \
    X(http_gzip_types, "http.gzip_types", TYPES, "text/*, *json, *xml, *javascript", 0, 0, "",     \
      "media types of answers that are compressed; a * stands for any text; empty = none")         \
    X(http_cors_max_age, "http.cors_max_age", MS, "10min", 0, 86400000, "",                        \
      "how long a browser need not ask again whether it may call")                                 \
    X(http_gzip_min_bytes, "http.gzip_min_bytes", BYTES, "1KB", 0, 1073741824, "",                 \
      "smaller answers are not compressed; 0 = never compress")                                    \
    X(http_check_answers, "http.check_answers", BOOL, "false", 0, 0, "",                           \
      "every answer is held to its schema, as with `dev`, and one that breaks it is a 500; else "  \
      "the first of each route is, and what is wrong with it goes to the log")                     \
    X(http_trusted_proxies, "http.trusted_proxies", NETWORKS, "", 0, 0, "",                        \
      "addresses or networks of proxies that say who the client is; all clients of a proxy that "  \
      "is not named here count as one address")                                                    \
    X(http_proxy_header, "http.proxy_header", WORD, "x-forwarded-for", 0, 0,                       \
      "x-forwarded-for|forwarded",                                                                 \
      "the one field in which they say it; the other may be the client's own and is not looked "   \
      "at")                                                                                        \
    X(http_public_url, "http.public_url", URL, "", 0, 0, "",                                       \
      "how people reach this server, the beginning of links in mails; empty = http:// and listen") \
    X(http_cors_origins, "http.cors_origins", ORIGINS, "", 0, 0, "",                               \
      "origins that browsers may call from, or *; empty = none")                                   \
    X(rates_counters, "rates.counters", INT, "65536", 512, 16777216, "",                           \
      "counters of rate limits that are kept at once, 24 bytes each; when there are more, the "    \
      "lowest counts are forgotten")                                                               \
    X(jobs_concurrency, "jobs.concurrency", INT, "4", 0, 64, "",                                   \
      "jobs of one machine at once; 0 = it runs none, and others on this database do")             \
    X(jobs_poll_interval, "jobs.poll_interval", MS, "500ms", 10, 60000, "",                        \
      "how often the jobs process looks for what is due, and reads the outbox")                    \
    X(client_timeout, "client.timeout", MS, "10s", 1, 3600000, "",                                 \
      "a request of a script to another server, from begin to end")                                \
    X(client_connect_timeout, "client.connect_timeout", MS, "3s", 1, 3600000, "",                  \
      "of that, name, connection and TLS")                                                         \
    X(client_max_body, "client.max_body", BYTES, "1MB", 0, 1073741824, "",                         \
      "body of such an answer")                                                                    \
    X(client_max_header_bytes, "client.max_header_bytes", BYTES, "64KB", 1024, 16777216, "",       \
      "headers of such an answer")                                                                 \
    X(client_tls_min, "client.tls_min", WORD, "1.2", 0, 0, "1.2|1.3",                              \
      "oldest version of TLS that is spoken with another server")                                  \
    X(client_max_connections_per_host, "client.max_connections_per_host", INT, "0", 0, 10000, "",  \
      "of the connections of client.max_connections, those to one host and port; 0 = all")         \
    X(client_max_connections, "client.max_connections", INT, "32", 1, 10000, "",                   \
      "connections of one process to other servers")                                               \
    X(client_max_waiting, "client.max_waiting", INT, "128", 0, 100000, "",                         \
      "requests that wait for one of these; more fail at once")                                    \
    X(client_dns_cache, "client.dns_cache", MS, "60s", 0, 86400000, "",                            \
      "how long the addresses of a name are kept, in whole seconds, rounded up; 0 = asked each "   \
      "time")                                                                                      \
    X(client_idle_timeout, "client.idle_timeout", MS, "60s", 1000, 86400000, "",                   \
      "a connection to another server that had no request for longer, in whole seconds, rounded "  \
      "up, is not used again")                                                                     \
    X(client_ca_file, "client.ca_file", FILE, "", 0, 0, "",                                        \
      "certificates of the authorities that are trusted, PEM; empty = those of the system")        \
    X(client_allow, "client.allow", NETWORKS, "", 0, 0, "",                                        \
      "networks that scripts may call though they are not public, such as 10.1.2.0/24")            \
    X(client_ports, "client.ports", PORTS, "80,443", 0, 0, "", "ports that scripts may call")      \
    X(smtp_host, "smtp.host", HOST, "", 0, 0, "",                                                  \
      "server that takes our mails; empty = they become files in the folder mail under data_dir")  \
    X(smtp_port, "smtp.port", INT, "587", 1, 65535, "",                                            \
      "its port; 465 is usual with smtp.security = tls")                                           \
    X(smtp_security, "smtp.security", WORD, "starttls", 0, 0, "starttls|tls|none",                 \
      "TLS from STARTTLS on, which the server must offer; from the first byte; or none, on a "     \
      "network that you trust")                                                                    \
    X(smtp_user, "smtp.user", TEXT, "", 0, 0, "", "who signs in there; empty = nobody")            \
    X(smtp_password_file, "smtp.password_file", FILE, "", 0, 0, "",                                \
      "a file that holds the password of smtp.user, in its first line; read at start")             \
    X(smtp_from, "smtp.from", ADDRESS, "", 0, 0, "",                                               \
      "address that mails come from; with smtp.host it must be set")                               \
    X(smtp_timeout, "smtp.timeout", MS, "30s", 100, 60000, "",                                     \
      "sending of one mail, from begin to end; then it is tried again later")                      \
    X(smtp_ca_file, "smtp.ca_file", FILE, "", 0, 0, "",                                            \
      "certificates of the authorities that are trusted there, PEM; empty = client.ca_file")       \
    X(json_max_depth, "json.max_depth", INT, "32", 1, 64, "",                                      \
      "nested arrays and objects of a body")                                                       \
    X(json_max_keys, "json.max_keys", INT, "1000", 1, 100000, "", "keys of one object of a body")  \
    X(json_max_tokens, "json.max_tokens", INT, "100000", 1, 10000000, "",                          \
      "values and keys of a body")                                                                 \
    X(json_max_string, "json.max_string", BYTES, "1MB", 64, 8388608, "",                           \
      "one string or key of a body")                                                               \
    X(auth_hash_parallel, "auth.hash_parallel", INT, "2", 1, 64, "",                               \
      "passwords that are hashed at once for each processor of the machine; each takes 19 MB")                \
    X(auth_hash_queue, "auth.hash_queue", INT, "256", 0, 100000, "",                               \
      "passwords of the machine that may wait for that, a quarter of them for one IPv4 address "   \
      "or one /64 of IPv6; more are refused with 429")                                \
    X(reload_max_bytes, "reload.max_bytes", BYTES, "16MB", 65536, 1073741824, "",                  \
      "all scripts together")                                                                      \
    X(reload_load_timeout, "reload.load_timeout", MS, "5s", 1, 3600000, "",                        \
      "processor time that scripts may take to load")                                              \
    X(reload_drain_timeout, "reload.drain_timeout", MS, "30s", 0, 86400000, "",                    \
      "how long a request may go on with scripts that were replaced twice; then it is cut")        \
    X(reload_auto_rollback, "reload.auto_rollback", INT, "0", 0, 100, "",                          \
      "after a reload, percent of requests that may end in an error of Lua or at a limit of "      \
      "scripts; with more the scripts before serve again; 0 = never")                              \
    X(reload_auto_rollback_requests, "reload.auto_rollback_requests", INT, "50", 1, 1000000, "",   \
      "requests that the new scripts must have had before that is judged")                         \
    X(reload_auto_rollback_window, "reload.auto_rollback_window", MS, "60s", 1000, 86400000, "",   \
      "how long after a reload it is judged")                                                      \
    X(plugins_folder, "plugins.folder", FOLDER, "plugins", 0, 0, "",                               \
      "a folder with a folder for each plugin; need not exist")                                    \
    X(plugins_memory, "plugins.memory", BYTES, "16MB", 1048576, 1073741824, "",                    \
      "memory of one plugin in one process")                                                       \
    X(plugins_text, "plugins.text", BYTES, "1MB", 1024, 1073741824, "",                            \
      "the longest text that a plugin may hold")                                                   \
    X(plugins_cpu, "plugins.cpu", MS, "50ms", 1, 3600000, "",                                      \
      "processor time of one call of a plugin before it is ended")                                 \
    X(plugins_secrets, "plugins.secrets", FOLDER, "secrets", 0, 0, "",                             \
      "a folder with a folder for each plugin, in it a file for each secret that it declares; "    \
      "need not exist")                                                                            \
    X(plugins_connections, "plugins.connections", INT, "2", 1, 64, "",                             \
      "connections of one process to the tables of one plugin")                                    \
    X(plugins_max_lifetime, "plugins.max_lifetime", MS, "10min", 1000, 86400000, "",               \
      "such a connection is renewed after this, with jitter")                                      \
    X(plugins_statement_timeout, "plugins.statement_timeout", MS, "5s", 1, 3600000, "",            \
      "one statement on the tables of a plugin; database.cancel_timeout holds for it too")         \
    X(plugins_role_connections, "plugins.role_connections", INT, "0", 0, 10000, "",                \
      "connections that the database lets one plugin have, of all machines; 0 = twice what the "   \
      "processes of the machine that migrates open")                                               \
    X(plugins_work_mem, "plugins.work_mem", BYTES, "4MB", 65536, 1073741824, "",                   \
      "memory of the database for a step of the plan of such a statement, before it takes to "     \
      "files")                                                                                     \
    X(plugins_temp_files, "plugins.temp_files", BYTES, "64MB", 1048576, 1099511627776, "",         \
      "those files, of one session")                                                               \
    X(plugins_schema_size, "plugins.schema_size", BYTES, "1GB", 0, 1125899906842624, "",           \
      "tables of one plugin with their indexes; over it the plugin may delete and read only; "     \
      "0 = any size")                                                                              \
    X(plugins_measure_interval, "plugins.measure_interval", MS, "1min", 100, 86400000, "",         \
      "how often that is measured")                                                                \
    X(plugins_result_rows, "plugins.result_rows", INT, "1000", 1, 1000000, "",                     \
      "rows that such a statement may return")                                                     \
    X(plugins_result_bytes, "plugins.result_bytes", INT, "262144", 1024, 67108864, "",             \
      "their bytes, as they come from the database; over either the statement fails")              \
    X(plugins_max_asks, "plugins.max_asks", INT, "100", 0, 1000000, "",                            \
      "what one call of a plugin may ask of the server: state, tables, jobs, secrets, http")       \
    X(plugins_log_lines, "plugins.log_lines", INT, "200", 0, 1000000, "",                          \
      "lines of log that a plugin writes in a second and a process; more are dropped and "         \
      "counted; 0 = any number")                                                                   \
    X(plugins_max_kills, "plugins.max_kills", INT, "5", 0, 1000000, "",                            \
      "a plugin that breaks its limits so often within plugins.kill_window is not called any "     \
      "more; 0 = it is")                                                                           \
    X(plugins_kill_window, "plugins.kill_window", MS, "10min", 1000, 86400000, "",                 \
      "see plugins.max_kills")                                                                     \
    X(test_timeout, "test.timeout", MS, "60s", 0, 86400000, "",                                    \
      "how long a test, a setup, or the lines of a spec file outside of them may take under "      \
      "medbookd test; 0 = no limit")                                                               \
    X(dev, "dev", BOOL, "false", 0, 0, "",                                                         \
      "development: changed scripts are loaded at once; Server-Timing, X-Generation and error "    \
      "details in answers")

struct mb_config {
#define MB_X_WORD(member)                                       const char *member;
#define MB_X_NETWORKS(member)                                   const char *member;
#define MB_X_PORTS(member)                                      const char *member;
#define MB_X_FILE(member)                                       const char *member;
#define MB_X_ORIGINS(member)                                    const char *member;
#define MB_X_TYPES(member)                                      const char *member;
#define MB_X_HOSTS(member)                                      const char *member;
#define MB_X_URL(member)                                        const char *member;
#define MB_X_HOST(member)                                       const char *member;
#define MB_X_ADDRESS(member)                                    const char *member;
#define MB_X_TEXT(member)                                       const char *member;
#define MB_X_PLACE(member)                                      const char *member;
#define MB_X_DSN(member)                                        const char *member;
#define MB_X_USER(member)                                       const char *member;
#define MB_X_FOLDER(member)                                     const char *member;
#define MB_X_HOME(member)                                       const char *member;
#define MB_X_ZONE(member)                                       const char *member;
#define MB_X_INT(member)                                        int64_t member;
#define MB_X_BOOL(member)                                       bool member;
#define MB_X_MS(member)                                         int64_t member;
#define MB_X_BYTES(member)                                      int64_t member;
#define MB_X(member, key, type, dflt, least, most, words, help) MB_X_##type(member)
    MB_CONFIG_MAP(MB_X)
#undef MB_X
#undef MB_X_WORD
#undef MB_X_NETWORKS
#undef MB_X_PORTS
#undef MB_X_FILE
#undef MB_X_ORIGINS
#undef MB_X_TYPES
#undef MB_X_HOSTS
#undef MB_X_URL
#undef MB_X_HOST
#undef MB_X_ADDRESS
#undef MB_X_TEXT
#undef MB_X_PLACE
#undef MB_X_DSN
#undef MB_X_USER
#undef MB_X_FOLDER
#undef MB_X_HOME
#undef MB_X_ZONE
#undef MB_X_INT
#undef MB_X_BOOL
#undef MB_X_MS
#undef MB_X_BYTES
    struct mb_config_pending *pending;
};

/* A setting of a key that is not in the table: scripts may declare it (config_declared.h). In rising order of
 * strength; texts live for ever. */
struct mb_config_pending {
    struct mb_config_pending *next;
    const char *name;   /* of the key, or of the variable behind MEDBOOKD_ */
    const char *origin; /* "medbookd.conf:12", "environment variable …", "--set" */
    const char *value;
    bool is_variable;
    unsigned line; /* of the file; 0 = from elsewhere */
};

/* file NULL: ./medbookd.conf when it exists. sets: "key=value" texts. Strings live for ever. http.public_url and
 * smtp.from are never empty afterwards, and the first has no slash at its end. */
MB_MUST_CHECK enum mb_rc mb_config_load(struct mb_config *out, const char *file, char *const *sets,
                                        size_t nsets, struct mb_err *err);
/* Number of keys, and one key with its value as text, for `medbookd config` and for scripts. */
size_t mb_config_count(void);
const char *mb_config_key(size_t i);
enum mb_rc mb_config_text(const struct mb_config *c, size_t i, struct mb_buf *out);
/* The commented file with every key at its default; those of scripts follow (config_declared.h). */
enum mb_rc mb_config_sample(struct mb_buf *out);
