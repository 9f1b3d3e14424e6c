/*
 * Runs the raw requests of a file against the real server, in this process and on one loop, so
 * that every piece is known to have been read before the next is sent. Prints TAP.
 *
 *   http_vectors tests/fixtures/http_vectors.txt
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http.h"

enum { TURNS = 200, MAX_VECTORS = 1000, MAX_TEXTS = 4 };

struct vector {
    char *name;
    struct mb_buf bytes;
    char expected[64]; /* "200 200 keep" */
    char *texts[MAX_TEXTS]; /* "~ text" or "! text" as in the file; NULL past the last */
};

struct bench {
    uv_loop_t loop;
    struct mb_http_server *server;
    struct mb_http_stats stats;
    struct sockaddr_in address;
    long heads, ends;
};

static void must(bool fine, const char *what)
{
    if (!fine) {
        printf("Bail out! %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

/* ---- the handler: says what it was asked ---- */

static bool path_is(const struct mb_http_request *r, const char *path)
{
    return mb_str_eq(mb_http_path(r), mb_str_z(path));
}

static void on_head(void *ctx, struct mb_http_request *r)
{
    ((struct bench *)ctx)->heads++;
    if (path_is(r, "/early"))
        mb_http_problem(r, 403, "forbidden", NULL, (struct mb_str){NULL, 0}, -1, NULL, 0);
    else if (!path_is(r, "/json") || mb_http_body_is_readable(r, true))
        mb_http_accept_body(r, path_is(r, "/none") ? MB_BODY_NONE : MB_BODY_BUFFER,
                            path_is(r, "/small") ? 10 : UINT64_MAX);
}

static void on_ready(void *ctx, struct mb_http_request *r)
{
    static const struct mb_http_header forged = {{"X-Name", 6}, {"a\r\nX-Forged: b", 14}};
    struct mb_str path = mb_http_path(r), query = mb_http_query(r);
    struct mb_str host = mb_http_header(r, MB_STR("host"));
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "{\"path\":\"%.*s\",\"query\":\"%.*s\",\"body\":%zu,\"host\":\"%.*s\"}",
                     (int)path.len, path.ptr, (int)query.len, query.ptr, mb_http_body(r).len,
                     (int)host.len, host.ptr);
    bool bad = path_is(r, "/bad");
    (void)ctx;
    if (path_is(r, "/stream")) {
        mb_http_begin(r, 200, "text/plain", NULL, 0);
        (void)mb_http_write(r, MB_STR("piece"));
        mb_http_end(r);
        return;
    }
    mb_http_reply(r, 200, "application/json", &forged, bad ? 1 : 0,
                  (struct mb_str){text, (size_t)n});
}

static void on_end(void *ctx, struct mb_http_request *r)
{
    (void)r;
    ((struct bench *)ctx)->ends++;
}

static bool on_body(void *ctx, struct mb_http_request *r, struct mb_str piece)
{
    (void)ctx, (void)r, (void)piece;
    return true;
}

static void on_other(void *ctx, struct mb_http_request *r)
{
    (void)ctx, (void)r;
}

/* ---- the file ---- */

static void add(struct mb_buf *b, char c)
{
    must(mb_buf_add(b, &c, 1) == MB_OK, "memory");
}

static const char *add_escape(struct mb_buf *b, const char *p)
{
    char *end;
    long n;
    switch (*p) {
    case 'r': add(b, '\r'); return p + 1;
    case 'n': add(b, '\n'); return p + 1;
    case 't': add(b, '\t'); return p + 1;
    case '0': add(b, '\0'); return p + 1;
    case '\\': add(b, '\\'); return p + 1;
    case 'x': {
        char digits[3] = {p[1], p[2], '\0'};
        add(b, (char)strtol(digits, NULL, 16));
        return p + 3;
    }
    case '{':
        n = strtol(p + 1, &end, 10);
        while (n-- > 0)
            add(b, end[1]);
        return end + 3;
    default: must(false, "unknown escape"); return p;
    }
}

static void read_line(struct vector *list, size_t *count, char *line)
{
    struct vector *v = *count > 0 ? &list[*count - 1] : NULL;
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '=') {
        must(*count < MAX_VECTORS, "too many vectors");
        list[*count] = (struct vector){.name = strdup(line + 2)};
        mb_buf_init(&list[*count].bytes, 1 << 16);
        ++*count;
    } else if (v && line[0] == '>') {
        for (const char *p = line + 2; *p != '\0';) {
            if (*p == '\\')
                p = add_escape(&v->bytes, p + 1);
            else
                add(&v->bytes, *p++);
        }
    } else if (v && line[0] == '<') {
        if (strlen(line + 2) >= sizeof v->expected) {
            fprintf(stderr, "http_vectors: an expectation is too long: %s\n", line);
            exit(2);
        }
        memcpy(v->expected, line + 2, strlen(line + 2) + 1);
    } else if (v && (line[0] == '~' || line[0] == '!')) {
        size_t n = 0;
        while (n < MAX_TEXTS && v->texts[n])
            n++;
        must(n < MAX_TEXTS, "too many texts of one vector");
        v->texts[n] = strdup(line);
    }
}

static size_t read_file(const char *path, struct vector *list)
{
    char line[4096];
    size_t count = 0;
    FILE *f = fopen(path, "r");
    must(f != NULL, path);
    while (fgets(line, sizeof line, f))
        read_line(list, &count, line);
    fclose(f);
    return count;
}

/* ---- one connection ---- */

struct client {
    int fd;
    bool eof;
    struct mb_buf got;
};

static void drink(struct client *c)
{
    char piece[4096];
    ssize_t n;
    while ((n = recv(c->fd, piece, sizeof piece, 0)) > 0)
        must(mb_buf_add(&c->got, piece, (size_t)n) == MB_OK, "memory");
    c->eof = c->eof || n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* Sends a piece and turns the loop until the server has read it, or has closed. */
static void feed(struct bench *b, struct client *c, const char *p, size_t n)
{
    uint64_t wanted = atomic_load(&b->stats.bytes_in) + n;
    if (c->eof || n == 0)
        return;
    if (send(c->fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
        c->eof = true;
    for (int i = 0; i < TURNS && atomic_load(&b->stats.bytes_in) < wanted && !c->eof; i++) {
        uv_run(&b->loop, UV_RUN_NOWAIT);
        drink(c);
    }
    uv_run(&b->loop, UV_RUN_NOWAIT);
    drink(c);
}

static struct client dial(struct bench *b)
{
    struct client c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    uint64_t before = atomic_load(&b->stats.accepted);
    must(c.fd >= 0, "socket");
    must(connect(c.fd, (struct sockaddr *)&b->address, sizeof b->address) == 0, "connect");
    must(setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0, "no delay");
    must(fcntl(c.fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    mb_buf_init(&c.got, 1 << 20);
    while (atomic_load(&b->stats.accepted) == before)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    return c;
}

static void hang_up(struct bench *b, struct client *c)
{
    uint64_t open = atomic_load(&b->stats.open);
    close(c->fd);
    mb_buf_reset(&c->got);
    for (int i = 0; i < TURNS && open > 0 && atomic_load(&b->stats.open) >= open; i++)
        uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* "200 400 close" as seen. */
static void describe(const struct client *c, char *out, size_t size)
{
    const char *p = c->got.data, *end = p ? p + c->got.len : p;
    size_t n = 0;
    out[0] = '\0';
    for (; p && p + 13 <= end; p++) {
        bool is_status = memcmp(p, "HTTP/1.1 ", 9) == 0 && p[9] >= '1' && p[9] <= '5' &&
                         p[10] >= '0' && p[10] <= '9' && p[12] == ' ';
        if (is_status && n + 8 < size)
            n += (size_t)snprintf(out + n, size - n, "%.3s ", p + 9);
    }
    snprintf(out + n, size - n, "%s", c->eof ? "close" : "keep");
}

static bool holds(const struct client *c, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= c->got.len; i++) {
        if (memcmp(c->got.data + i, text, n) == 0)
            return true;
    }
    return false;
}

/* The first line about the answers that is not so; NULL when all are. */
static const char *untrue(const struct client *c, const struct vector *v)
{
    if (!holds(c, "HTTP/1.1"))
        return "~ HTTP/1.1";
    for (size_t i = 0; i < MAX_TEXTS && v->texts[i]; i++) {
        if (holds(c, v->texts[i] + 2) != (v->texts[i][0] == '~'))
            return v->texts[i];
    }
    return NULL;
}

/* step 0: in two pieces, cut at `cut`; else in pieces of step bytes. */
static bool attempt(struct bench *b, const struct vector *v, size_t cut, size_t step, char *seen,
                    size_t size)
{
    struct client c = dial(b);
    const char *p = v->bytes.data;
    size_t n = v->bytes.len;
    bool fine;
    if (step == 0) {
        feed(b, &c, p, cut);
        feed(b, &c, p + cut, n - cut);
    }
    for (size_t at = 0; step > 0 && at < n; at += step)
        feed(b, &c, p + at, n - at < step ? n - at : step);
    describe(&c, seen, size);
    fine = strcmp(seen, v->expected) == 0;
    const char *wrong = fine ? untrue(&c, v) : NULL;
    if (wrong) {
        fine = false;
        snprintf(seen, size, "answers for which this is not so: %.80s", wrong);
    }
    hang_up(b, &c);
    return fine;
}

static size_t run(struct bench *b, const struct vector *v, size_t number)
{
    char seen[160];
    size_t n = v->bytes.len, cut = 0, tries = 0;
    bool fine = attempt(b, v, n, 0, seen, sizeof seen);
    for (cut = 1; fine && cut < n; cut++, tries++)
        fine = attempt(b, v, cut, 0, seen, sizeof seen);
    if (fine)
        fine = attempt(b, v, 0, 1, seen, sizeof seen);
    if (fine && b->heads != b->ends) {
        snprintf(seen, sizeof seen, "%ld requests begun, %ld ended", b->heads, b->ends);
        fine = false;
    }
    printf("%s %zu - %s\n", fine ? "ok" : "not ok", number, v->name);
    if (!fine)
        printf("# expected %s, saw %s, cut before byte %zu of %zu\n", v->expected, seen, cut - 1, n);
    return tries + 2;
}

static int start(struct bench *b)
{
    static const struct mb_http_config config = {
        .limits = {.max_connections = 100, .max_header_bytes = 1024, .max_header_line = 300,
                   .max_headers = 16, .max_target = 256, .max_chunk_extensions = 40,
                   .max_body = 100,
                   .max_pipeline_bytes = 65536, .max_output_bytes = 262144, .head_timeout = 60000,
                   .body_timeout = 60000, .write_timeout = 60000, .idle_timeout = 60000,
                   .request_timeout = 60000, .linger_timeout = 60000, .linger_bytes = 65536,
                   .gzip_level = 4},
        .trusted_proxies = "", .cors_origins = "", .gzip_types = "text/*, *json"};
    const struct mb_http_handler handler = {b, on_head, on_body, on_ready, on_other, on_other,
                                            on_other, on_end};
    socklen_t size = sizeof b->address;
    struct mb_err err = {0};
    int index = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    b->address = (struct sockaddr_in){.sin_family = AF_INET};
    b->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&b->address, size) == 0, "bind");
    must(listen(fd, 16) == 0, "listen");
    must(getsockname(fd, (struct sockaddr *)&b->address, &size) == 0, "getsockname");
    must(uv_loop_init(&b->loop) == 0, "loop");
    must(mb_http_server_new(&b->server, &b->loop, &config, &handler, &b->stats, &err) == MB_OK &&
             mb_http_listen(b->server, fd, 0, &index, &err) == MB_OK, err.text);
    mb_http_accept(b->server, index, true);
    return fd;
}

int main(int argc, char **argv)
{
    static struct vector list[MAX_VECTORS];
    static struct bench b;
    size_t count, connections = 0;
    int fd;
    if (argc != 2) {
        fprintf(stderr, "usage: http_vectors FILE\n");
        return 2;
    }
    count = read_file(argv[1], list);
    fd = start(&b);
    printf("1..%zu\n", count + 1);
    printf("%s 1 - llhttp is built strict\n", mb_http_parser_is_strict() ? "ok" : "not ok");
    for (size_t i = 0; i < count; i++)
        connections += run(&b, &list[i], i + 2);
    printf("# %zu connections\n", connections);
    mb_http_drain(b.server, 0, NULL, NULL);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    mb_http_server_free(b.server);
    close(fd);
    for (size_t i = 0; i < count; i++) {
        free(list[i].name);
        for (size_t k = 0; k < MAX_TEXTS; k++)
            free(list[i].texts[k]);
        mb_buf_reset(&list[i].bytes);
    }
    return uv_loop_close(&b.loop) == 0 ? 0 : 1;
}
