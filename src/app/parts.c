/* Configuration into the words of the layers below. */
#define _GNU_SOURCE
#include "app/parts.h"

#include <sched.h>
#include <string.h>

#include "app/shm.h"

struct mb_db_config mb_parts_db(const struct mb_config *c, const char *url)
{
    return (struct mb_db_config){
        .url = url,
        .application_name = "medbookd",
        .pool_min = (uint32_t)c->database_pool_min,
        .pool_max = (uint32_t)c->database_pool_max,
        .pool_reads = (uint32_t)c->database_pool_reads,
        .queue_max = (uint32_t)c->database_queue_max,
        .queue_timeout = (uint32_t)c->database_queue_timeout,
        .connect_timeout = (uint32_t)c->database_connect_timeout,
        .reconnect_backoff_max = (uint32_t)c->database_reconnect_backoff_max,
        .reconnect_grace = (uint32_t)c->database_reconnect_grace,
        .statement_timeout = (uint32_t)c->database_statement_timeout,
        .cancel_timeout = (uint32_t)c->database_cancel_timeout,
        .lock_timeout = (uint32_t)c->database_lock_timeout,
        .idle_timeout = (uint32_t)c->database_idle_timeout,
        .idle_in_transaction_timeout = (uint32_t)c->database_idle_in_transaction_timeout,
        .tcp_user_timeout = (uint32_t)c->database_tcp_user_timeout,
        .max_lifetime = (uint32_t)c->database_max_lifetime,
        .conflict_retries = (uint32_t)c->database_conflict_retries,
        .pipeline_depth = (uint32_t)c->database_pipeline_depth,
        .statement_cache = (uint32_t)c->database_statement_cache,
        .pooler =
            strcmp(c->database_pooler, "transaction") == 0 ? MB_POOLER_TRANSACTION : MB_POOLER_NONE,
    };
}

struct mb_db_config mb_parts_tables(const struct mb_config *c, const char *url)
{
    struct mb_db_config db = mb_parts_db(c, url);
    db.application_name = "medbookd plugin";
    db.pool_min = 1;
    db.pool_max = (uint32_t)c->plugins_connections;
    db.pool_reads = 0;
    db.statement_timeout = (uint32_t)c->plugins_statement_timeout;
    db.max_lifetime = (uint32_t)c->plugins_max_lifetime;
    db.work_mem_kb = (uint32_t)(c->plugins_work_mem / 1024);
    db.result_rows = (uint32_t)c->plugins_result_rows;
    db.result_bytes = (size_t)c->plugins_result_bytes;
    return db;
}

/* Those that are ours. */
static unsigned count_processors(void)
{
    cpu_set_t mine;
    return sched_getaffinity(0, sizeof mine, &mine) == 0 ? (unsigned)CPU_COUNT(&mine) : 1;
}

unsigned mb_parts_workers(const struct mb_config *c)
{
    unsigned n = count_processors();
    if (c->workers > 0) return (unsigned)c->workers;
    return n > MB_MAX_WORKERS ? MB_MAX_WORKERS : n;
}

unsigned mb_parts_hashing(const struct mb_config *c)
{
    unsigned share = (unsigned)c->auth_hash_parallel * count_processors() / mb_parts_workers(c);
    return share > 0 ? share : 1;
}

/* Twice what the processes open: those of a process that ended last for a moment, and scripts that load ask too. */
struct mb_apart mb_parts_apart(const struct mb_config *c, const char *url, const char *role,
                               const unsigned char *secret)
{
    unsigned places = mb_parts_workers(c) + 1, most = (unsigned)c->plugins_role_connections;
    return (struct mb_apart){.url = url,
                             .name = role,
                             .secret = secret,
                             .connections =
                                 most > 0 ? most : 2 * places * (unsigned)c->plugins_connections,
                             .work_mem_kb = (unsigned)(c->plugins_work_mem / 1024),
                             .temp_files_kb = (unsigned)(c->plugins_temp_files / 1024)};
}

struct mb_http_config mb_parts_http(const struct mb_config *c)
{
    return (struct mb_http_config){
        .limits = {.max_connections = (uint32_t)c->http_max_connections,
                   .max_connections_per_address = (uint32_t)c->http_max_connections_per_address,
                   .max_header_bytes = (uint32_t)c->http_max_header_bytes,
                   .max_header_line = (uint32_t)c->http_max_header_line,
                   .max_headers = (uint32_t)c->http_max_headers,
                   .max_target = (uint32_t)c->http_max_target,
                   .max_chunk_extensions = (uint32_t)c->http_max_chunk_extensions,
                   .max_body = (uint64_t)c->http_max_body,
                   .max_pipeline_bytes = (uint32_t)c->http_max_pipeline_bytes,
                   .max_output_bytes = (uint32_t)c->http_max_output_bytes,
                   .head_timeout = (uint32_t)c->http_head_timeout,
                   .body_timeout = (uint32_t)c->http_body_timeout,
                   .body_min_rate = (uint32_t)c->http_body_min_rate,
                   .write_timeout = (uint32_t)c->http_write_timeout,
                   .idle_timeout = (uint32_t)c->http_idle_timeout,
                   .request_timeout = (uint32_t)c->http_request_timeout,
                   .linger_timeout = (uint32_t)c->http_linger_timeout,
                   .linger_bytes = (uint64_t)c->http_linger_bytes,
                   .max_connection_requests = (uint32_t)c->http_max_connection_requests,
                   .max_connection_age = (uint32_t)c->http_max_connection_age,
                   .tcp_keepalive = (uint32_t)c->http_tcp_keepalive,
                   .gzip_min_bytes = (uint32_t)c->http_gzip_min_bytes,
                   .gzip_level = (uint32_t)c->http_gzip_level,
                   .cors_max_age = (uint32_t)c->http_cors_max_age},
        .trusted_proxies = c->http_trusted_proxies,
        .reads_forwarded = strcmp(c->http_proxy_header, "forwarded") == 0,
        .cors_origins = c->http_cors_origins,
        .gzip_types = c->http_gzip_types,
        .access_log = c->log_access,
        .server_timing = c->dev,
    };
}

struct mb_client_limits mb_parts_client(const struct mb_config *c)
{
    return (struct mb_client_limits){.timeout = (uint32_t)c->client_timeout,
                                     .connect_timeout = (uint32_t)c->client_connect_timeout,
                                     .dns_cache = (uint32_t)c->client_dns_cache,
                                     .idle_timeout = (uint32_t)c->client_idle_timeout,
                                     .max_body = (size_t)c->client_max_body,
                                     .max_headers = (size_t)c->client_max_header_bytes,
                                     .max_per_host = (unsigned)c->client_max_connections_per_host,
                                     .needs_tls_1_3 = strcmp(c->client_tls_min, "1.3") == 0,
                                     .max_connections = (unsigned)c->client_max_connections,
                                     .max_waiting = (unsigned)c->client_max_waiting,
                                     .ca_file = c->client_ca_file,
                                     .allow = c->client_allow,
                                     .ports = c->client_ports};
}

struct mb_smtp_limits mb_parts_smtp(const struct mb_config *c, const char *password,
                                    char name[MB_SMTP_NAME])
{
    bool is_clear = strcmp(c->smtp_security, "none") == 0;
    bool is_tls = strcmp(c->smtp_security, "tls") == 0;
    if (!mb_client_host(c->http_public_url, name, MB_SMTP_NAME)) name[0] = '\0';
    return (struct mb_smtp_limits){
        .host = c->smtp_host,
        .port = (unsigned)c->smtp_port,
        .security = is_clear ? MB_SMTP_NONE : is_tls ? MB_SMTP_TLS : MB_SMTP_STARTTLS,
        .user = c->smtp_user,
        .password = password,
        .name = name,
        .ca_file = c->smtp_ca_file[0] != '\0' ? c->smtp_ca_file : c->client_ca_file,
        .needs_tls_1_3 = strcmp(c->client_tls_min, "1.3") == 0,
        .timeout = (uint32_t)c->smtp_timeout};
}
