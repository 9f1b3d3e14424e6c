#define _GNU_SOURCE
#include "app/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/control_socket.h"
#include "base/clock.h"

enum { MAX_CLIENTS = 8, WORD_MS = 5000, SEND_MS = 1000 };

struct client {
    struct mb_control *owner;
    int fd; /* -1 = free */
    char word[MB_CONTROL__MAX_WORD];
    size_t len;
    bool has_asked;
    uint64_t deadline_ns; /* for its word */
};

struct mb_control {
    struct mb_site *site;
    struct mb_reload *reload;
    int fd;
    struct client clients[MAX_CLIENTS];
};

/* The folder is locked by this process: a socket that lies there is a dead server's. */
static int listen_in(const struct mb_site *site)
{
    struct sockaddr_un address;
    int folder = mb_control__open_folder(site->dir.path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_open = folder >= 0 && fd >= 0 && mb_control__address(folder, &address);
    if (is_open) (void)unlinkat(folder, MB_CONTROL__LEAF, 0);
    is_open = is_open && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
              listen(fd, MAX_CLIENTS) == 0;
    int why = errno;
    if (folder >= 0) (void)close(folder);
    if (!is_open && fd >= 0) (void)close(fd);
    errno = why;
    return is_open ? fd : -1;
}

enum mb_rc mb_control_open(struct mb_control **out, struct mb_site *site, struct mb_reload *reload,
                           struct mb_err *err)
{
    struct mb_control *c = calloc(1, sizeof *c);
    if (c == NULL) return mb_fail(err, MB_E_NOMEM, "control socket: out of memory");
    *c = (struct mb_control){.site = site, .reload = reload, .fd = -1};
    for (unsigned i = 0; i < MAX_CLIENTS; i++)
        c->clients[i] = (struct client){.owner = c, .fd = -1};
    *out = c;
    enum mb_rc rc = mb_user_borrow(&site->user, err);
    if (rc != MB_OK) return rc;
    c->fd = listen_in(site);
    int why = errno;
    mb_user_return(&site->user);
    return c->fd >= 0 ? MB_OK
                      : mb_fail(err, MB_E_IO, "control socket %.150s/%s: could not be made: %s",
                                site->dir.path, MB_CONTROL__LEAF, strerror(why));
}

static void leave(struct client *client)
{
    mb_reload_forget(client->owner->reload, client);
    (void)shutdown(client->fd, SHUT_RDWR); /* a worker forked meanwhile has a copy of it */
    (void)close(client->fd);
    client->fd = -1;
}

static void send_text(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* it left, or does not read */
        text += n;
        left -= (size_t)n;
    }
}

static void answer(void *ctx, bool is_done, const char *text)
{
    struct client *client = ctx;
    send_text(client->fd, is_done ? "ok\n" : "failed\n");
    send_text(client->fd, text);
    leave(client);
}

static void ask(struct client *client)
{
    client->has_asked = true;
    if (strcmp(client->word, "reload") == 0)
        mb_reload_ask(client->owner->reload, MB_RELOAD_TREE, answer, client);
    else if (strcmp(client->word, "rollback") == 0)
        mb_reload_ask(client->owner->reload, MB_RELOAD_BACK, answer, client);
    else
        answer(client, false, "this server does not know that command; is it an older one?\n");
}

static void read_word(struct client *client)
{
    ssize_t n = recv(client->fd, client->word + client->len, MB_CONTROL__MAX_WORD - client->len,
                     MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        leave(client);
        return;
    }
    client->len += (size_t)n;
    char *end = memchr(client->word, '\n', client->len);
    if (end != NULL && !client->has_asked) {
        *end = '\0';
        ask(client);
    } else if (client->len == MB_CONTROL__MAX_WORD) {
        leave(client);
    }
}

static void take(struct mb_control *c)
{
    const struct timeval patience = {.tv_sec = SEND_MS / 1000};
    int fd;
    while ((fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct client *client = c->clients;
        while (client < c->clients + MAX_CLIENTS && client->fd >= 0) client++;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (client == c->clients + MAX_CLIENTS) {
            send_text(fd, "failed\ntoo many commands wait already; repeat it\n");
            (void)close(fd);
            continue;
        }
        *client = (struct client){
            .owner = c, .fd = fd, .deadline_ns = mb_mono_ns() + (uint64_t)WORD_MS * 1000000u};
    }
}

void mb_control_step(struct mb_control *c)
{
    take(c);
    for (unsigned i = 0; i < MAX_CLIENTS; i++) {
        struct client *client = &c->clients[i];
        if (client->fd >= 0) read_word(client);
        if (client->fd >= 0 && !client->has_asked && mb_mono_ns() > client->deadline_ns)
            leave(client);
    }
}

void mb_control_watch(const struct mb_control *c, struct mb_signals *signals)
{
    signals->also[signals->nalso++] = c->fd;
    for (unsigned i = 0; i < MAX_CLIENTS; i++)
        if (c->clients[i].fd >= 0) signals->also[signals->nalso++] = c->clients[i].fd;
}

void mb_control_close(struct mb_control *c)
{
    if (c == NULL) return;
    for (unsigned i = 0; i < MAX_CLIENTS; i++)
        if (c->clients[i].fd >= 0) leave(&c->clients[i]);
    if (c->fd >= 0) {
        int folder = mb_control__open_folder(c->site->dir.path);
        if (folder >= 0) (void)unlinkat(folder, MB_CONTROL__LEAF, 0);
        if (folder >= 0) (void)close(folder);
        (void)close(c->fd);
    }
    free(c);
}
