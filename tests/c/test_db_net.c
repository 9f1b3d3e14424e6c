/*
 * Connections over TCP: names are looked up on the loop, several hosts are tried, TLS, peers that
 * vanish without a word.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "db/pool.h"
#include "db_fixture.h"

static int port;

/* A port of our own below the ephemeral range. */
static int find_port(void)
{
    for (int p = 21000 + (int)(getpid() % 9000); p < 32000; p++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)p)};
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        bool is_free = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
        close(fd);
        if (is_free) return p;
    }
    pg_die("no free port");
    return 0;
}

static void listen_on_tcp(void)
{
    char sql[128];
    char *certificate[] = {"/usr/bin/openssl",
                           "req",
                           "-x509",
                           "-newkey",
                           "rsa:2048",
                           "-nodes",
                           "-subj",
                           "/CN=localhost",
                           "-days",
                           "2",
                           "-keyout",
                           "data/server.key",
                           "-out",
                           "data/server.crt",
                           NULL};
    pg_sql("ALTER SYSTEM SET listen_addresses = '127.0.0.1'");
    if (pg_run(certificate) != 0) pg_die("openssl does not run");
    pg_sql("ALTER SYSTEM SET ssl = on");
    pg_stop(SIGINT);
    port = find_port();
    snprintf(sql, sizeof sql, "%s/postgresql.conf", pg.data);
    FILE *f = fopen(sql, "a");
    if (f == NULL) pg_die("could not configure PostgreSQL");
    fprintf(f, "port = %d\n", port);
    fclose(f);
    snprintf(pg.url, sizeof pg.url, "host=%s port=%d user=postgres dbname=postgres", pg.root, port);
    pg_start();
}

static void open_at(const char *host, const char *more)
{
    static char url[256];
    struct mb_db_config c = make_config();
    snprintf(url, sizeof url, "host=%s port=%d user=postgres dbname=postgres %s", host, port, more);
    c.url = url;
    c.connect_timeout = 1000;
    open_db(&c);
}

/* The descriptor of this process's session: the one socket whose peer is the server. */
static int find_socket(void)
{
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in peer = {0};
        socklen_t size = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port)
            return fd;
    }
    return -1;
}

static int socket_option(int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(find_socket(), level, name, &value, &size) == 0 ? value : -1;
}

/* What ends a session whose peer is gone without a word, on either side. */
static void limits_silence(void)
{
    open_at("127.0.0.1", "sslmode=disable");
    run(MB_DB_READ, "SELECT 1", NULL);
    ok(socket_option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 3000,
       "the socket dies when nothing is acknowledged for tcp_user_timeout");
    ok(socket_option(SOL_SOCKET, SO_KEEPALIVE) == 1, "and is probed when idle");
    ok(is(run(MB_DB_READ, "SHOW client_connection_check_interval", NULL), "1s"),
       "the server looks whether the client is still there");
    ok(is(run(MB_DB_READ, "SHOW idle_in_transaction_session_timeout", NULL), "10s"),
       "and ends a transaction that idles");
    close_db();
}

static void looks_names_up(void)
{
    open_at("localhost", "sslmode=disable");
    ok(is(run(MB_DB_READ, "SELECT $1::int", "3"), "3"), "a host name is looked up on the loop");
    close_db();
    open_at(NO_SUCH_HOST ",localhost", "sslmode=disable");
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"), "a name without address is passed over");
    close_db();
}

static void tries_every_host(void)
{
    char hosts[160], url[512];
    struct mb_db_config c = make_config();
    snprintf(hosts, sizeof hosts, "127.0.0.1,/nowhere,localhost,%s", pg.root);
    snprintf(url, sizeof url, "host=%s port=9,9,9,%d user=postgres dbname=postgres", hosts, port);
    c.url = url;
    open_db(&c);
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"),
       "hosts are tried in turn while the socket changes under its number");
    close_db();
    snprintf(url, sizeof url,
             "host=%s,%s port=%d user=postgres dbname=postgres "
             "target_session_attrs=read-write",
             pg.root, pg.root, port);
    open_db(&c);
    ok(is(run(MB_DB_WRITE, "SELECT 1", NULL), "1"), "a writable host can be asked for");
    close_db();
}

static void speaks_tls(void)
{
    struct reply many[8];
    int right = 0;
    open_at("localhost", "sslmode=require");
    ok(is(run(MB_DB_READ, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", NULL), "t"),
       "the session is encrypted");
    for (int size = 1; size <= 40000; size = size * 3 + 1) {
        char text[16];
        snprintf(text, sizeof text, "%d", size);
        for (int i = 0; i < 8; i++)
            start(&many[i], MB_DB_READ, "SELECT repeat('z', $1::int)", text);
        for (int i = 0; i < 8; i++) {
            await(&many[i]);
            right += many[i].rc == MB_OK && PQgetlength(many[i].res, 0, 0) == size;
            PQclear(many[i].res);
        }
    }
    ok(right == 8 * 10, "answers of every size around a record's arrive (%d)", right);
    struct reply r;
    start(&r, MB_DB_READ, "SELECT repeat('y', 3000000)", NULL);
    await(&r);
    ok(r.rc == MB_OK && PQgetlength(r.res, 0, 0) == 3000000, "so does a large one");
    PQclear(r.res);
    start_by(&r, MB_DB_READ, "SELECT pg_sleep(60)", NULL, in_ms(50));
    await(&r);
    ok(r.rc == MB_E_REQUEST_TIMEOUT && is(run(MB_DB_READ, "SELECT 1", NULL), "1"),
       "a cancel works beside TLS");
    close_db();
}

static long peak_kb(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

/* Statements of others: what one answers is counted before it is in memory. */
static void counts_what_comes(const char *more)
{
    enum { LONG = 5000000 };
    static char url[256];
    struct mb_db_config c = make_config();
    snprintf(url, sizeof url, "host=localhost port=%d user=postgres dbname=postgres %s", port, more);
    c.url = url;
    c.is_foreign = true;
    c.work_mem_kb = 4096;
    c.result_rows = 5000;
    c.result_bytes = 200000;
    open_db(&c);
    long before = peak_kb();
    ok(is(run(MB_DB_READ, "SELECT repeat('x', 100000000)", NULL), "limit_exceeded"), "a value of 100 MB is refused");
    ok(is(run(MB_DB_READ, "SELECT repeat('x', 100000000)::int", NULL), "limit_exceeded"), "so is such a message");
    /* AddressSanitizer keeps an eighth of what libpq asks for to hold it, up to 256 MB. */
    ok(peak_kb() - before < 50 * 1024, "neither was in memory (%ld KB)", peak_kb() - before);

    struct reply many[8], r;
    int right = 0;
    for (int size = 1; size <= 190000; size = size * 3 + 1) {
        char text[16];
        snprintf(text, sizeof text, "%d", size);
        for (int i = 0; i < 8; i++) start(&many[i], MB_DB_READ, "SELECT repeat('z', $1::int)", text);
        for (int i = 0; i < 8; i++) {
            await(&many[i]);
            right += many[i].rc == MB_OK && PQgetlength(many[i].res, 0, 0) == size;
            PQclear(many[i].res);
        }
    }
    ok(right == 8 * 11, "values of every size around a piece arrive (%d)", right);
    start(&r, MB_DB_READ, "SELECT g FROM generate_series(1, 5000) g", NULL);
    await(&r);
    ok(r.rc == MB_OK && PQntuples(r.res) == 5000 && strcmp(PQgetvalue(r.res, 4999, 0), "5000") == 0,
       "so do many rows");
    PQclear(r.res);
    static char text[LONG + 1];
    memset(text, 'v', LONG);
    ok(is(run(MB_DB_READ, "SELECT length($1::text)", text), "5000000"), "and what is sent, whatever its size");
    run(MB_DB_READ, "SELECT pg_terminate_backend(pg_backend_pid())", NULL);
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"), "a new connection takes the place of a lost one");
    close_db();
}

/* A listener that accepts nothing and never answers. */
static void meets_silence(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)find_port())};
    struct reply r;
    struct mb_db_config c = make_config();
    char url[128];
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 8) != 0)
        pg_die("could not listen");
    snprintf(url, sizeof url, "host=127.0.0.1 port=%d user=x", ntohs(at.sin_port));
    c.url = url;
    c.connect_timeout = 100;
    open_db(&c);
    start(&r, MB_DB_READ, "SELECT 1", NULL);
    await(&r);
    ok(r.rc == MB_E_DB_UNAVAILABLE, "a peer that says nothing is given up");
    close_db();
    close(fd);
}

static int naccepted;

static void on_slammed(uv_handle_t *handle) { free(handle); }

/* Accepts and closes at once. */
static void on_knock(uv_stream_t *server, int status)
{
    uv_tcp_t *visitor = malloc(sizeof *visitor);
    if (status != 0 || visitor == NULL || uv_tcp_init(&loop, visitor) != 0 ||
        uv_accept(server, (uv_stream_t *)visitor) != 0)
        pg_die("could not accept");
    naccepted++;
    uv_close((uv_handle_t *)visitor, on_slammed);
}

/* However much is asked for, and whenever: one attempt in each step of the back-off. */
static void backs_off(void)
{
    enum { STEPS = 12, ASKED = 20 };
    uv_tcp_t server;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)find_port())};
    struct mb_db_config c = make_config();
    char url[128];
    int refused = 0, bounded = 0, single = 0;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(url, sizeof url, "host=127.0.0.1 port=%d user=x sslmode=disable", ntohs(at.sin_port));
    c.url = url;
    c.pool_min = c.pool_max = 8;
    c.reconnect_backoff_max = 200;
    open_db(&c);
    if (uv_tcp_init(&loop, &server) != 0 ||
        uv_tcp_bind(&server, (struct sockaddr *)&at, 0) != 0 ||
        uv_listen((uv_stream_t *)&server, 8, on_knock) != 0)
        pg_die("could not listen");
    for (uint64_t step = 1; step <= STEPS; step++) {
        while (atomic_load(&stats.connect_failures) < step) turn(1);
        for (int i = 0; i < ASKED; i++) {
            struct reply r;
            start(&r, MB_DB_READ, "SELECT 1", NULL);
            refused += r.done && r.rc == MB_E_DB_UNAVAILABLE;
        }
        bounded += db->next_try_ns <= mb_mono_ns() + 206ull * 1000000;
        single += db->nopening <= 1;
    }
    ok(refused == STEPS * ASKED, "a server that closes at once refuses statements (%d)", refused);
    ok((uint64_t)naccepted <= atomic_load(&stats.connect_failures) + db->nopening,
       "no statement makes an attempt of its own (%d attempts)", naccepted);
    ok(bounded == STEPS && single == STEPS, "one at a time, at most reconnect_backoff_max apart");
    db->next_try_ns = UINT64_MAX; /* a step without end */
    while (db->nopening > 0) turn(1);
    db->next_try_ns = UINT64_MAX;
    int before = naccepted;
    for (int i = 0; i < ASKED; i++) {
        struct reply r;
        start(&r, MB_DB_READ, "SELECT 1", NULL);
        turn(100); /* retry timer and upkeep come by */
    }
    ok(naccepted == before, "before its time nothing connects, whatever comes by");
    uv_close((uv_handle_t *)&server, NULL);
    close_db();
}

int main(void)
{
    pg_make();
    listen_on_tcp();
    limits_silence();
    looks_names_up();
    tries_every_host();
    speaks_tls();
    counts_what_comes("sslmode=require");
    counts_what_comes("sslmode=disable");
    meets_silence();
    backs_off();
    return done();
}
