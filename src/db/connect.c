/*
 * From an empty link to a session: look the hosts up on the loop (libpq would block in
 * getaddrinfo), drive PQconnectPoll, send the session settings, check what the server says.
 */
#include "db/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "db/pool.h"

enum { LIST_MAX = 16384 };

struct mb_resolve {
    uv_getaddrinfo_t request;
    struct mb_link *link; /* NULL once abandoned */
    struct mb_db *db;
    size_t at;       /* host in work */
    size_t ntargets; /* in each list */
    bool is_full;    /* a list met its ceiling */
    struct mb_buf hosts, addresses, ports;
    char why[128];
};

static void free_resolve(struct mb_resolve *r)
{
    mb_buf_reset(&r->hosts);
    mb_buf_reset(&r->addresses);
    mb_buf_reset(&r->ports);
    free(r);
}

/* The lists are C strings all the time: a comma takes the place of the last NUL. */
static bool add_item(struct mb_buf *list, const char *item)
{
    size_t size = strlen(item) + 1;
    if (mb_buf_reserve(list, size) != MB_OK) return false;
    if (list->len > 0) list->data[list->len - 1] = ',';
    return mb_buf_add(list, item, size) == MB_OK;
}

/* One place to try. The three lists grow together. */
static void add_target(struct mb_resolve *r, const struct mb_dsn_host *h, const char *address)
{
    if (add_item(&r->hosts, h->name) && add_item(&r->addresses, address) &&
        add_item(&r->ports, h->port))
        r->ntargets++;
    else
        r->is_full = true;
}

static void add_answers(struct mb_resolve *r, const struct mb_dsn_host *h, const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        char text[64];
        if (uv_ip_name(a->ai_addr, text, sizeof text) == 0) add_target(r, h, text);
    }
}

static void on_notice(void *ctx, const PGresult *res)
{
    (void)ctx;
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    mb_log(MB_LOG_DEBUG, "database notice", "text", text != NULL ? text : "", NULL);
}

static void start(struct mb_link *l, const char *host, const char *hostaddr, const char *port)
{
    struct mb_dsn_params p;
    mb_dsn_fill(&l->db->dsn, &p, host, hostaddr, port);
    l->conn = PQconnectStartParams(p.names, p.values, 0);
    l->age++;
    l->state = MB_LINK_CONNECTING;
    if (l->conn == NULL || PQstatus(l->conn) == CONNECTION_BAD) {
        mb_link__close(l, l->conn != NULL ? PQerrorMessage(l->conn) : "out of memory");
        return;
    }
    PQsetNoticeReceiver(l->conn, on_notice, NULL);
    if (!mb_link__watch(l, UV_WRITABLE)) mb_link__close(l, "could not watch the socket");
}

static void start_found(struct mb_link *l, struct mb_resolve *r)
{
    /* Without any port in the string libpq's own default (PGPORT) stands. */
    bool has_port = r->ports.data[strspn(r->ports.data, ",")] != '\0';
    start(l, r->hosts.data, r->addresses.data, has_port ? r->ports.data : NULL);
}

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *list);

/* Goes on with the next host until a look-up is under way, or starts to connect. */
static void look_up(struct mb_resolve *r)
{
    struct mb_link *l = r->link;
    const struct mb_dsn *dsn = &r->db->dsn;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    for (; r->at < dsn->nhosts; r->at++) {
        const struct mb_dsn_host *h = &dsn->hosts[r->at];
        if (h->is_looked_up) {
            int rc = uv_getaddrinfo(r->db->loop, &r->request, on_answer, h->name, NULL, &hints);
            if (rc == 0) return;
            snprintf(r->why, sizeof r->why, "%s", uv_strerror(rc));
        } else {
            add_target(r, h, "");
        }
    }
    l->resolve = NULL;
    if (r->is_full) {
        mb_link__close(l, "the database hosts have too many addresses");
    } else if (r->ntargets > 0) {
        start_found(l, r);
    } else {
        char why[256];
        snprintf(why, sizeof why, "could not look up the database host: %s", r->why);
        mb_link__close(l, why);
    }
    r->db->nhandles--;
    free_resolve(r);
}

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct mb_resolve *r = request->data;
    struct mb_db *db = r->db;
    if (r->link == NULL) {
        uv_freeaddrinfo(list);
        free_resolve(r);
        mb_pool__handle_gone(db);
        return;
    }
    mb_pool__enter(db);
    if (status != 0)
        snprintf(r->why, sizeof r->why, "%s: %s", db->dsn.hosts[r->at].name, uv_strerror(status));
    else
        add_answers(r, &db->dsn.hosts[r->at], list);
    uv_freeaddrinfo(list);
    r->at++;
    look_up(r);
    mb_pool__leave(db);
}

void mb_link__resolve(struct mb_link *l)
{
    l->state = MB_LINK_RESOLVING;
    if (!l->db->dsn.needs_lookup) {
        start(l, NULL, NULL, NULL);
        return;
    }
    struct mb_resolve *r = calloc(1, sizeof *r);
    if (r == NULL) {
        mb_link__close(l, "out of memory");
        return;
    }
    mb_buf_init(&r->hosts, LIST_MAX);
    mb_buf_init(&r->addresses, LIST_MAX);
    mb_buf_init(&r->ports, LIST_MAX);
    r->link = l;
    r->db = l->db;
    r->request.data = r;
    l->resolve = r;
    l->db->nhandles++;
    look_up(r);
}

void mb_link__drop_resolve(struct mb_link *l)
{
    if (l->resolve == NULL) return;
    l->resolve->link = NULL;
    uv_cancel((uv_req_t *)&l->resolve->request); /* may be too late; its callback comes anyway */
    l->resolve = NULL;
}

/* A session of others is that user's, and has what the startup packet says, or gets it in each transaction. */
static const char *find_foreign_fault(const struct mb_link *l, const PGresult *res, char *room,
                                      size_t size)
{
    const struct mb_db_config *c = &l->db->config;
    const char *wanted = l->db->dsn.user, *is = PQntuples(res) == 1 ? PQgetvalue(res, 0, 0) : "";
    const char *style = PQparameterStatus(l->conn, "IntervalStyle");
    if (wanted[0] != '\0' && strcmp(is, wanted) != 0)
        snprintf(room, size, MB_DSN_OTHER_USER, wanted, is);
    else if (c->pooler == MB_POOLER_NONE && (style == NULL || strcmp(style, "iso_8601") != 0))
        snprintf(room, size,
                 "the settings of a session do not arrive: "
                 "behind a pooler set database.pooler = transaction");
    else
        return NULL;
    return room;
}

/* NULL when this session may be used. */
static const char *find_fault(const struct mb_link *l, char *room, size_t size)
{
    static const struct {
        const char *name, *wanted;
    } fixed[] = {{"server_encoding", "UTF8"}, {"client_encoding", "UTF8"}, {"TimeZone", "UTC"}};
    const struct mb_db_config *c = &l->db->config;
    size_t n = sizeof fixed / sizeof fixed[0];
    if (c->is_foreign && c->pooler == MB_POOLER_TRANSACTION) n--; /* set in each transaction */
    for (size_t i = 0; i < n; i++) {
        const char *is = PQparameterStatus(l->conn, fixed[i].name);
        if (is == NULL || strcmp(is, fixed[i].wanted) != 0) {
            snprintf(room, size, "%s of the database is %s, it must be %s", fixed[i].name,
                     is != NULL ? is : "unknown", fixed[i].wanted);
            return room;
        }
    }
    return NULL;
}

static void on_settings(struct mb_link *l, struct mb_op *op)
{
    char text[256];
    const char *fault = op->err.rc != MB_OK ? op->err.text : find_fault(l, text, sizeof text);
    if (fault == NULL && l->db->config.is_foreign)
        fault = find_foreign_fault(l, op->res, text, sizeof text);
    if (fault != NULL)
        mb_link__close(l, fault);
    else
        mb_pool__link_up(l);
    mb_op__drop(op);
}

static void start_session(struct mb_link *l)
{
    struct mb_op *op = mb_op__new(l->db, MB_OP_HOUSE);
    bool is_counted = l->db->config.is_foreign && !l->db->config.is_rehearsal;
    if (op == NULL || PQsetnonblocking(l->conn, 1) != 0 || PQenterPipelineMode(l->conn) != 1 ||
        !mb_link__watch(l, UV_READABLE) || (is_counted && !mb_relay__open(l))) {
        if (op != NULL) mb_op__drop(op);
        mb_link__close(l, "could not start a session");
        return;
    }
    l->state = MB_LINK_SETUP;
    op->sql = l->db->settings_sql;
    op->house = on_settings;
    mb_link__send(l, op);
}

void mb_link__connect(struct mb_link *l)
{
    bool ok = true;
    switch (PQconnectPoll(l->conn)) {
    case PGRES_POLLING_READING: ok = mb_link__watch(l, UV_READABLE); break;
    case PGRES_POLLING_WRITING: ok = mb_link__watch(l, UV_WRITABLE); break;
    case PGRES_POLLING_OK: start_session(l); break;
    default: mb_link__close(l, PQerrorMessage(l->conn)); break;
    }
    if (!ok) mb_link__close(l, "could not watch the socket");
}
