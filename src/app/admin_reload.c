#include "app/admin_reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/control_client.h"
#include "base/json.h"

enum { MAX_TEXT = 1 << 20, PIECE = 4096 };

struct ask {
    struct mb_admin_reload *owner;
    struct ask *prev, *next;
    struct mb_http_request *req; /* NULL once it is over */
    uv_poll_t poll;
    int fd;
    struct mb_buf text; /* what the supervisor said */
};

struct mb_admin_reload {
    uv_loop_t *loop;
    char *folder;
    const struct mb_shm *shm;
    struct ask asks; /* list head */
};

/* ---- the answer ---- */

/* Reads ":12" at *at, which moves behind it; 0 when something else stands there. */
static unsigned long take_number(const char **at, const char *end)
{
    const char *p = *at;
    unsigned long n = 0;
    if (p + 1 >= end || *p != ':' || p[1] < '0' || p[1] > '9') return 0;
    for (p++; p < end && *p >= '0' && *p <= '9' && n < 100000000; p++)
        n = n * 10 + (unsigned long)(*p - '0');
    *at = p;
    return n;
}

/* "routes/x.lua:12:5: what", also without the column -> its parts, and line cut to what; or nothing. */
static void split_place(struct mb_str *line, struct mb_str *file, unsigned long *number,
                        unsigned long *column)
{
    const char *end = line->ptr + line->len, *colon = memchr(line->ptr, ':', line->len),
               *at = colon;
    if (colon == NULL) return;
    unsigned long n = take_number(&at, end), c = take_number(&at, end);
    if (n == 0 || at + 1 >= end || *at != ':' || at[1] != ' ') return;
    *file = (struct mb_str){line->ptr, (size_t)(colon - line->ptr)};
    *number = n;
    *column = c;
    *line = (struct mb_str){at + 2, (size_t)(end - at - 2)};
}

/* "routes/x.lua:12:5: what is wrong" as a member of the list; a line of another kind has a detail only. */
static enum mb_rc add_error(struct mb_buf *out, struct mb_str line, bool is_first)
{
    struct mb_str file = {NULL, 0};
    unsigned long number = 0, column = 0;
    split_place(&line, &file, &number, &column);
    enum mb_rc rc = mb_buf_addz(out, is_first ? "{" : ",{");
    if (rc == MB_OK && number > 0) {
        rc = mb_buf_addz(out, "\"file\":");
        if (rc == MB_OK) rc = mb_json_str(out, file.ptr, file.len);
        if (rc == MB_OK) rc = mb_buf_addf(out, ",\"line\":%lu,", number);
        if (rc == MB_OK && column > 0) rc = mb_buf_addf(out, "\"column\":%lu,", column);
    }
    if (rc == MB_OK) rc = mb_buf_addz(out, "\"detail\":");
    if (rc == MB_OK) rc = mb_json_str(out, line.ptr, line.len);
    return rc == MB_OK ? mb_buf_addz(out, "}") : rc;
}

/* Each line but the last, which says what was changed. */
static enum mb_rc write_errors(struct mb_buf *out, struct mb_str text, struct mb_str *last)
{
    enum mb_rc rc = mb_buf_addz(out, ",\"errors\":[");
    *last = MB_STR("");
    for (unsigned n = 0; rc == MB_OK && text.len > 0; n++) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        if (last->len > 0) rc = add_error(out, *last, n == 1);
        *last = (struct mb_str){text.ptr, len};
        text.ptr += len + (end != NULL);
        text.len -= len + (end != NULL);
    }
    return rc == MB_OK ? mb_buf_addz(out, "]") : rc;
}

static void tell_failure(struct mb_http_request *req, struct mb_str text)
{
    struct mb_buf members;
    struct mb_str last;
    char detail[1024];
    mb_buf_init(&members, MAX_TEXT);
    enum mb_rc rc = write_errors(&members, text, &last);
    (void)snprintf(detail, sizeof detail, "%.*s", (int)last.len, last.ptr);
    mb_http_problem(req, 422, "reload_refused", detail,
                    rc == MB_OK ? mb_buf_str(&members) : MB_STR(""), -1, NULL, 0);
    mb_buf_reset(&members);
}

static void tell_success(const struct ask *a, struct mb_str text)
{
    struct mb_buf body;
    if (text.len > 0 && text.ptr[text.len - 1] == '\n') text.len--;
    mb_buf_init(&body, MAX_TEXT);
    enum mb_rc rc =
        mb_buf_addf(&body, "{\"generation\":\"%s\",\"detail\":", mb_shm_generation(a->owner->shm));
    if (rc == MB_OK) rc = mb_json_str(&body, text.ptr, text.len);
    if (rc == MB_OK) rc = mb_buf_addz(&body, "}");
    if (rc == MB_OK)
        mb_http_reply(a->req, 200, "application/json", NULL, 0, mb_buf_str(&body));
    else
        mb_http_problem(a->req, 503, "out_of_memory", NULL, MB_STR(""), 1, NULL, 0);
    mb_buf_reset(&body);
}

static void unreachable(struct mb_http_request *req)
{
    mb_http_problem(req, 503, "control_unavailable",
                    "the supervisor could not be asked; it is ending, or too many wait for it",
                    MB_STR(""), 1, NULL, 0);
}

static void answer(struct ask *a)
{
    static const char ok[] = "ok\n", failed[] = "failed\n";
    struct mb_str text = mb_buf_str(&a->text);
    if (text.len >= sizeof ok - 1 && memcmp(text.ptr, ok, sizeof ok - 1) == 0)
        tell_success(a, (struct mb_str){text.ptr + sizeof ok - 1, text.len - sizeof ok + 1});
    else if (text.len >= sizeof failed - 1 && memcmp(text.ptr, failed, sizeof failed - 1) == 0)
        tell_failure(a->req,
                     (struct mb_str){text.ptr + sizeof failed - 1, text.len - sizeof failed + 1});
    else
        unreachable(a->req);
}

/* ---- asking ---- */

static void on_closed(uv_handle_t *handle)
{
    struct ask *a = handle->data;
    (void)close(a->fd);
    mb_buf_reset(&a->text);
    free(a);
}

static void end(struct ask *a)
{
    a->prev->next = a->next;
    a->next->prev = a->prev;
    uv_poll_stop(&a->poll);
    uv_close((uv_handle_t *)&a->poll, on_closed);
}

static void on_text(uv_poll_t *poll, int status, int events)
{
    struct ask *a = poll->data;
    char piece[PIECE];
    (void)events;
    ssize_t n = status < 0 ? 0 : recv(a->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0 && mb_buf_add(&a->text, piece, (size_t)n) == MB_OK) return;
    answer(a);
    if (a->req != NULL) end(a);
}

static bool ask(struct mb_admin_reload *r, struct mb_http_request *req, const char *word)
{
    struct ask *a = calloc(1, sizeof *a);
    int fd = a != NULL ? mb_control_connect(r->folder) : -1;
    size_t n = strlen(word);
    if (fd < 0 || send(fd, word, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n ||
        uv_poll_init(r->loop, &a->poll, fd) != 0) {
        if (fd >= 0) (void)close(fd);
        free(a);
        return false;
    }
    a->owner = r;
    a->fd = fd;
    a->req = req;
    a->poll.data = a;
    mb_buf_init(&a->text, MAX_TEXT);
    a->prev = r->asks.prev;
    a->next = &r->asks;
    a->prev->next = a->next->prev = a;
    (void)uv_poll_start(&a->poll, UV_READABLE, on_text);
    return true;
}

void mb_admin_reload_ask(struct mb_admin_reload *a, struct mb_http_request *req, const char *word)
{
    if (!ask(a, req, word)) unreachable(req);
}

/* ---- life ---- */

void mb_admin_reload_forget(struct mb_admin_reload *r, const struct mb_http_request *req)
{
    for (struct ask *a = r->asks.next; a != &r->asks; a = a->next) {
        if (a->req != req) continue;
        a->req = NULL;
        end(a);
        return;
    }
}

enum mb_rc mb_admin_reload_new(struct mb_admin_reload **out, uv_loop_t *loop, const char *folder,
                               const struct mb_shm *shm, struct mb_err *err)
{
    struct mb_admin_reload *r = calloc(1, sizeof *r);
    if (r != NULL) r->folder = strdup(folder);
    if (r == NULL || r->folder == NULL) {
        free(r);
        return mb_fail(err, MB_E_NOMEM, "no memory for the admin address");
    }
    r->loop = loop;
    r->shm = shm;
    r->asks.prev = r->asks.next = &r->asks;
    *out = r;
    return MB_OK;
}

void mb_admin_reload_close(struct mb_admin_reload *r)
{
    while (r->asks.next != &r->asks) end(r->asks.next);
}

void mb_admin_reload_free(struct mb_admin_reload *r)
{
    if (r == NULL) return;
    free(r->folder);
    free(r);
}
