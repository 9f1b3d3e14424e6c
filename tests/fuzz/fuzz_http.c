/*
 * libFuzzer target of the connection layer: the input goes to a real server over a socket, once
 * whole and once in pieces whose sizes the first two bytes choose. Both must be answered alike, no
 * request may be left open, and no connection.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "net/http.h"

enum { TURNS = 64, PREFIX = 2, STATUSES = 32 };

static struct {
    uv_loop_t loop;
    struct mb_http_server *server;
    struct mb_http_stats stats;
    struct sockaddr_un address;
    socklen_t address_len;
    long heads, ends;
} bench;

struct outcome {
    unsigned count;
    char statuses[STATUSES][4];
    bool closed;
};

static char first_letter(const struct mb_http_request *r)
{
    struct mb_str path = mb_http_path(r);
    return path.len > 1 ? path.ptr[1] : '\0';
}

static void on_head(void *ctx, struct mb_http_request *r)
{
    (void)ctx;
    bench.heads++;
    switch (first_letter(r)) {
    case 'e':
        mb_http_problem(r, 403, "forbidden", "no", (struct mb_str){NULL, 0}, -1, NULL, 0);
        break;
    case 's': mb_http_accept_body(r, MB_BODY_STREAM, 64); break;
    case 'n': mb_http_accept_body(r, MB_BODY_NONE, 0); break;
    case 'x': mb_http_abort(r); break;
    default: mb_http_accept_body(r, MB_BODY_BUFFER, 64); break;
    }
}

static bool on_body(void *ctx, struct mb_http_request *r, struct mb_str piece)
{
    (void)ctx, (void)r;
    return piece.len > 0;
}

static void on_ready(void *ctx, struct mb_http_request *r)
{
    struct mb_str path = mb_http_path(r);
    struct mb_http_header copied = {MB_STR("X-Path"), path};
    (void)ctx;
    if (first_letter(r) == 's') {
        mb_http_body_want(r);
        return;
    }
    if (first_letter(r) == 'o') {
        mb_http_begin(r, 200, "text/plain", &copied, 1);
        (void)mb_http_write(r, path);
        mb_http_end(r);
        return;
    }
    mb_http_reply(r, 200, mb_http_client(r)[0] ? "text/plain" : NULL, &copied, 1, mb_http_body(r));
}

static void on_body_end(void *ctx, struct mb_http_request *r)
{
    (void)ctx;
    mb_http_reply(r, 202, NULL, NULL, 0, (struct mb_str){NULL, 0});
}

static void on_other(void *ctx, struct mb_http_request *r)
{
    (void)ctx, (void)r;
}

static void on_end(void *ctx, struct mb_http_request *r)
{
    (void)ctx, (void)r;
    bench.ends++;
}

static void must(bool fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "%s (%s)\n", what, strerror(errno));
        abort();
    }
}

static void start(void)
{
    static const struct mb_http_config config = {
        .limits = {.max_connections = 10, .max_header_bytes = 1024, .max_header_line = 256,
                   .max_chunk_extensions = 256, .max_headers = 12, .max_target = 128, .max_body = 100,
                   .max_pipeline_bytes = 16384, .max_output_bytes = 262144, .head_timeout = 60000,
                   .body_timeout = 60000, .write_timeout = 60000, .idle_timeout = 60000,
                   .request_timeout = 60000, .linger_timeout = 60000, .linger_bytes = 1000,
                   .gzip_min_bytes = 16, .gzip_level = 4},
        .trusted_proxies = "0.0.0.0/0 ::/0", .cors_origins = "https://a.example",
        .gzip_types = "text/*, *json", .access_log = true};
    static const struct mb_http_handler handler = {NULL, on_head, on_body, on_ready, on_body_end,
                                                   on_other, on_other, on_end};
    struct mb_err err = {0};
    int index = 0, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bench.address.sun_family = AF_UNIX;
    bench.address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1);
    bench.address_len += (socklen_t)snprintf(bench.address.sun_path + 1, 64, "fuzz_http_%d", getpid());
    must(fd >= 0 && bind(fd, (struct sockaddr *)&bench.address, bench.address_len) == 0, "bind");
    must(listen(fd, 4) == 0 && uv_loop_init(&bench.loop) == 0, "listen");
    mb_log_init(open("/dev/null", O_WRONLY | O_CLOEXEC), MB_LOG_INFO, "fuzz");
    must(mb_http_server_new(&bench.server, &bench.loop, &config, &handler, &bench.stats, &err) == MB_OK &&
             mb_http_listen(bench.server, fd, 0, &index, &err) == MB_OK, err.text);
    mb_http_accept(bench.server, index, true);
}

static void turn(void)
{
    uv_run(&bench.loop, UV_RUN_NOWAIT);
}

/* Reads what there is and notes the status lines in it. Answers are small enough to come whole. */
static void drink(int fd, struct outcome *o)
{
    static char got[1 << 20];
    ssize_t n;
    while ((n = recv(fd, got, sizeof got, MSG_DONTWAIT)) > 0) {
        for (ssize_t i = 0; i + 12 < n; i++) {
            if (memcmp(got + i, "HTTP/1.1 ", 9) == 0 && got[i + 12] == ' ' && o->count < STATUSES)
                memcpy(o->statuses[o->count++], got + i + 9, 3);
        }
    }
    o->closed = o->closed || n == 0 || errno == ECONNRESET;
}

static void feed(int fd, const uint8_t *p, size_t n, struct outcome *o)
{
    uint64_t wanted = atomic_load(&bench.stats.bytes_in) + n;
    if (n == 0 || o->closed || send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
        return;
    for (int i = 0; i < TURNS && atomic_load(&bench.stats.bytes_in) < wanted && !o->closed; i++) {
        turn();
        drink(fd, o);
    }
    turn();
    drink(fd, o);
}

static struct outcome play(const uint8_t *p, size_t n, unsigned sizes)
{
    struct outcome o = {.count = 0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&bench.address, bench.address_len) == 0, "connect");
    while (n > 0) {
        size_t piece = sizes == 0 ? n : 1 + sizes % 61;
        piece = piece < n ? piece : n;
        feed(fd, p, piece, &o);
        p += piece;
        n -= piece;
        sizes = sizes == 0 ? 0 : sizes * 1103515245u + 12345u;
        sizes |= sizes == 0 ? 0 : 1u;
    }
    close(fd);
    for (int i = 0; i < TURNS && atomic_load(&bench.stats.open) > 0; i++)
        turn();
    must(atomic_load(&bench.stats.open) == 0, "a connection stays open");
    must(bench.heads == bench.ends, "a request was begun and not ended");
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, pieces;
    if (size <= PREFIX || size > 8192)
        return 0;
    if (!bench.server)
        start();
    whole = play(data + PREFIX, size - PREFIX, 0);
    pieces = play(data + PREFIX, size - PREFIX, 1u + data[0] + 256u * data[1]);
    must(whole.count == pieces.count && whole.closed == pieces.closed &&
             memcmp(whole.statuses, pieces.statuses, sizeof whole.statuses) == 0,
         "the answers depend on how the bytes were split");
    return 0;
}
