/* Pairs of connections and the bytes between them. */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CHUNK = 65536, OUT_MAX = 1 << 20 };

struct side {
    struct watch watch;
    struct pair *pair;
    enum from from;
    struct text in, out; /* read and not yet judged; judged and not yet written */
    bool ended, waiting; /* end of file seen; the first message of `in` is delayed */
    struct timer delay;
};

struct pair {
    struct relay *relay;
    struct side side[2]; /* by enum from */
    struct frames frames;
    struct fault_state fault;
    uint64_t number;
    bool closed;
    struct timer reap;
    struct pair *prev, *next;
};

static struct side *other(struct side *s)
{
    return &s->pair->side[s->from == FROM_CLIENT ? FROM_SERVER : FROM_CLIENT];
}

/* ---- ends ---- */

static void on_reap(struct timer *t)
{
    struct pair *p = (struct pair *)((char *)t - offsetof(struct pair, reap));
    for (int i = 0; i < 2; i++) {
        text_free(&p->side[i].in);
        text_free(&p->side[i].out);
    }
    fault_forget(&p->fault);
    free(p);
}

/* The memory goes later: events of this turn of the loop may still name it. */
static void close_pair(struct pair *p, bool reset)
{
    const struct linger hard = {.l_onoff = 1};
    if (p->closed)
        return;
    p->closed = true;
    for (int i = 0; i < 2; i++) {
        struct side *s = &p->side[i];
        loop_disarm(&s->delay);
        if (reset)
            setsockopt(s->watch.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(s->watch.fd);
        s->watch.fd = -1;
    }
    if (p->prev)
        p->prev->next = p->next;
    else
        p->relay->pairs = p->next;
    if (p->next)
        p->next->prev = p->prev;
    p->relay->open--;
    loop_arm(p->relay->loop, &p->reap, 0);
}

void relay_cut_all(struct relay *r)
{
    while (r->pairs)
        close_pair(r->pairs, true);
}

/* ---- writing ---- */

static void set_interest(struct side *s)
{
    bool readable = !s->ended && !s->waiting && other(s)->out.len < OUT_MAX;
    loop_change(s->pair->relay->loop, &s->watch,
                (readable ? (uint32_t)EPOLLIN : 0u) | (s->out.len ? (uint32_t)EPOLLOUT : 0u));
}

/* false = the pair is closed */
static bool flush(struct side *s)
{
    while (s->out.len > 0) {
        ssize_t n = send(s->watch.fd, s->out.ptr, s->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            close_pair(s->pair, true);
            return false;
        }
        text_drop(&s->out, (size_t)n);
    }
    if (s->out.len == 0 && other(s)->ended) {
        close_pair(s->pair, false);
        return false;
    }
    set_interest(s);
    set_interest(other(s));
    return true;
}

/* ---- judging ---- */

static void report(const struct pair *p, char type)
{
    const struct fault_plan *plan = &p->relay->plan;
    printf("{\"fired\":\"%s\",\"connection\":%llu,\"matched\":%llu,\"type\":\"%c\"}\n",
           fault_name(plan->kind), (unsigned long long)p->number,
           (unsigned long long)plan->matched, type ? type : '-');
    fflush(stdout);
}

static void pass_first(struct side *s, size_t len)
{
    text_add(&other(s)->out, s->in.ptr, len);
    text_drop(&s->in, len);
}

/* Judges and moves the first message; false = stop for now. */
static bool move_one(struct side *s, size_t len)
{
    struct pair *p = s->pair;
    struct relay *r = p->relay;
    uint64_t fired = r->plan.fired;
    struct text message = {0};
    text_add(&message, s->in.ptr, len); /* NUL-terminated */
    char type = frame_note(&p->frames, s->from, message.ptr, len);
    enum verdict v = fault_judge(&r->plan, &p->fault, r->protocol, s->from, type, &message);
    text_free(&message);
    if (r->plan.fired != fired)
        report(p, type);
    if (v == WAIT) {
        s->waiting = true;
        loop_arm(r->loop, &s->delay, r->plan.delay_ms * 1000);
        set_interest(s);
        return false;
    }
    if (v == DROP) {
        text_drop(&s->in, len);
        return true;
    }
    if (v == CUT) {
        close_pair(p, true);
        return false;
    }
    pass_first(s, len);
    if (v == PASS_AND_CLOSE && flush(s) && flush(other(s)))
        close_pair(p, false);
    return v == PASS;
}

static void move_messages(struct side *s)
{
    size_t len;
    while (!s->waiting && (len = frame_length(&s->pair->frames, s->from, s->in.ptr, s->in.len)) > 0)
        if (!move_one(s, len))
            break;
    if (!s->pair->closed)
        flush(other(s));
}

static void on_delay_over(struct timer *t)
{
    struct side *s = (struct side *)((char *)t - offsetof(struct side, delay));
    s->waiting = false;
    pass_first(s, frame_length(&s->pair->frames, s->from, s->in.ptr, s->in.len));
    move_messages(s);
}

/* ---- reading ---- */

static void take_bytes(struct side *s)
{
    char chunk[CHUNK];
    ssize_t n = read(s->watch.fd, chunk, sizeof chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        close_pair(s->pair, true);
        return;
    }
    if (n == 0) {
        s->ended = true;
        flush(other(s));
        return;
    }
    text_add(&s->in, chunk, (size_t)n);
    move_messages(s);
}

static void on_side_event(struct watch *w, uint32_t events)
{
    struct side *s = (struct side *)((char *)w - offsetof(struct side, watch));
    if (s->pair->closed)
        return;
    if ((events & EPOLLOUT) && !flush(s))
        return;
    if (events & EPOLLIN)
        take_bytes(s);
    else if (events & (EPOLLHUP | EPOLLERR))
        close_pair(s->pair, true);
}

/* ---- beginnings ---- */

static int connect_to(const struct address *a)
{
    int on = 1, fd = socket(a->name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("could not make a socket: errno %d", errno);
    /* Blocking: both ends are on this machine. */
    if (connect(fd, (const struct sockaddr *)&a->name, a->len) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void add_pair(struct relay *r, int client_fd, int server_fd)
{
    struct pair *p = must(calloc(1, sizeof *p));
    p->relay = r;
    p->number = ++r->accepted;
    p->frames.protocol = r->protocol;
    p->reap.on_time = on_reap;
    p->next = r->pairs;
    if (r->pairs)
        r->pairs->prev = p;
    r->pairs = p;
    r->open++;
    for (int i = 0; i < 2; i++) {
        struct side *s = &p->side[i];
        s->pair = p;
        s->from = (enum from)i;
        s->delay.on_time = on_delay_over;
        s->watch = (struct watch){.fd = i == FROM_CLIENT ? client_fd : server_fd,
                                  .on_event = on_side_event};
        loop_watch(r->loop, &s->watch, EPOLLIN);
    }
}

static void on_client(struct watch *w, uint32_t events)
{
    struct relay *r = (struct relay *)((char *)w - offsetof(struct relay, listener));
    (void)events;
    int on = 1, fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int server = connect_to(&r->server);
    if (server < 0)
        close(fd); /* what a client of a dead server sees */
    else
        add_pair(r, fd, server);
}

void relay_open(struct relay *r, struct loop *l, const struct address *listen_at)
{
    r->loop = l;
    r->listener = (struct watch){.fd = address_listen(listen_at), .on_event = on_client};
    loop_watch(l, &r->listener, EPOLLIN);
}

void relay_close(struct relay *r)
{
    relay_cut_all(r);
    close(r->listener.fd);
}
