/*
 * The queue, its thread, and what becomes of both when the process forks: the child has neither
 * thread nor lines, and makes a thread of its own with its first line.
 */
#define _GNU_SOURCE
#include "base/log_queue.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    PIECE_BYTES = 64 * 1024, /* one write to a file */
    STACK_BYTES = 256 * 1024,
    LINGER_MS = 500,   /* lines are gathered for that long */
    PATIENCE_MS = 100, /* a full pipe that takes no byte for so long has no reader */
    FLUSH_MS = 2000,   /* for the last lines, when there is one */
    LOOK_MS = 5,
    NOTICE_BYTES = 512,
};

static struct {
    pthread_mutex_t lock; /* never held while anything is written */
    pthread_cond_t filled, written;
    int fd;
    size_t piece_max; /* a pipe takes PIPE_BUF bytes whole, between those of other processes */
    mb_log__tell tell;
    _Atomic uint64_t *lost;
    uint64_t untold; /* lost since it was last told */
    bool is_queued, has_thread, is_urgent;
    char *memory; /* a ring: `used` bytes from `start` on */
    size_t size, start, used;
    _Atomic uint64_t put, done; /* bytes ever put, and written or lost */
    _Atomic uint64_t since_ns;  /* when the write began that is under way; 0 = none is */
    char piece[PIECE_BYTES];    /* what it writes */
} q = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = 2, .piece_max = PIPE_BUF};

/* ---- writing ---- */

/* Waits for the reader as long as it takes; false when it cannot be written. */
static bool write_all(const char *at, size_t n)
{
    while (n > 0) {
        ssize_t written = write(q.fd, at, n);
        if (written > 0) {
            at += written;
            n -= (size_t)written;
            atomic_store(&q.since_ns, mb_mono_ns());
        } else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            struct pollfd full = {.fd = q.fd, .events = POLLOUT};
            (void)poll(&full, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Never more than the reader has room for: what poll calls writable takes PIPE_BUF bytes. */
static bool write_at_once(const char *at, size_t n)
{
    while (n > 0) {
        struct pollfd room = {.fd = q.fd, .events = POLLOUT};
        if (poll(&room, 1, PATIENCE_MS) != 1 || (room.revents & POLLOUT) == 0) return false;
        ssize_t written = write(q.fd, at, n < PIPE_BUF ? n : PIPE_BUF);
        if (written <= 0 && errno != EINTR) return false;
        if (written > 0) at += written, n -= (size_t)written;
    }
    return true;
}

static void count_lost(const char *text, size_t len)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < len; i++) lines += text[i] == '\n';
    q.untold += lines;
    if (q.lost != NULL) atomic_fetch_add(q.lost, lines);
}

/* ---- the ring ---- */

static void copy_in(const char *text, size_t len)
{
    if (q.used == 0) q.start = 0; /* few pages are ever touched when the log flows */
    size_t at = (q.start + q.used) % q.size, first = q.size - at < len ? q.size - at : len;
    memcpy(q.memory + at, text, first);
    memcpy(q.memory, text + first, len - first);
    q.used += len;
    atomic_fetch_add(&q.put, len);
}

static char byte_at(size_t i) { return q.memory[(q.start + i) % q.size]; }

/* The length of the next piece: as many whole lines as fit, or one that is longer. */
static size_t measure_piece(void)
{
    size_t n = q.used < q.piece_max ? q.used : q.piece_max;
    while (n > 0 && byte_at(n - 1) != '\n') n--;
    if (n > 0) return n;
    while (n < q.used && n < PIECE_BYTES && (n == 0 || byte_at(n - 1) != '\n')) n++;
    return n;
}

static size_t take_piece(void)
{
    size_t n = measure_piece(), first = q.size - q.start < n ? q.size - q.start : n;
    memcpy(q.piece, q.memory + q.start, first);
    memcpy(q.piece + first, q.memory, n - first);
    q.start = (q.start + n) % q.size;
    q.used -= n;
    return n;
}

/* Said once it flows again: with room for more than this line, or the next would be lost anew. */
static void tell_lost(void)
{
    char notice[NOTICE_BYTES];
    if (q.untold == 0 || q.used > q.size / 2) return;
    size_t n = q.tell(notice, sizeof notice, q.untold);
    if (n > 0) copy_in(notice, n);
    q.untold = 0;
}

/* ---- the thread ---- */

static struct timespec in_ms(unsigned ms)
{
    uint64_t at = mb_mono_ns() + ms * 1000000ull;
    return (struct timespec){.tv_sec = (time_t)(at / 1000000000u),
                             .tv_nsec = (long)(at % 1000000000u)};
}

/* Until there are lines, and then for more of them, unless they are wanted. */
static void await_lines(void)
{
    while (q.used == 0) pthread_cond_wait(&q.filled, &q.lock);
    struct timespec until = in_ms(LINGER_MS);
    while (!q.is_urgent && pthread_cond_timedwait(&q.filled, &q.lock, &until) == 0) {}
    q.is_urgent = false;
}

static void write_piece(void)
{
    size_t n = take_piece();
    atomic_store(&q.since_ns, mb_mono_ns());
    pthread_mutex_unlock(&q.lock);
    bool is_written = write_all(q.piece, n);
    pthread_mutex_lock(&q.lock);
    atomic_store(&q.since_ns, 0);
    atomic_fetch_add(&q.done, n);
    if (is_written)
        tell_lost();
    else
        count_lost(q.piece, n);
    pthread_cond_broadcast(&q.written);
}

static void *run(void *unused)
{
    pthread_mutex_lock(&q.lock);
    for (;;) {
        await_lines();
        uint64_t end = atomic_load(&q.put); /* what comes meanwhile is gathered again */
        while (q.used > 0 && atomic_load(&q.done) < end) write_piece();
    }
    return unused;
}

/* No signal is for it; handlers and signalfd are the business of the other threads. */
static void start_thread(void)
{
    pthread_attr_t how;
    pthread_t thread;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_attr_init(&how);
    (void)pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&how, STACK_BYTES);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    q.has_thread = pthread_create(&thread, &how, run, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&how);
}

/* ---- forks ---- */

static void init_conditions(void)
{
    pthread_condattr_t clock;
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&q.filled, &clock);
    (void)pthread_cond_init(&q.written, &clock);
    (void)pthread_condattr_destroy(&clock);
}

static void before_fork(void) { pthread_mutex_lock(&q.lock); }
static void after_fork(void) { pthread_mutex_unlock(&q.lock); }

static void in_child(void)
{
    q.start = q.used = 0;
    q.untold = 0;
    q.has_thread = q.is_urgent = false;
    atomic_store(&q.put, 0);
    atomic_store(&q.done, 0);
    atomic_store(&q.since_ns, 0);
    init_conditions();
    pthread_mutex_unlock(&q.lock);
}

/* ---- for log.c ---- */

void mb_log__to(int fd)
{
    struct stat st;
    mb_log__flush();
    pthread_mutex_lock(&q.lock);
    q.fd = fd;
    q.piece_max = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? PIECE_BYTES : PIPE_BUF;
    pthread_mutex_unlock(&q.lock);
}

void mb_log__queue(char *memory, size_t size, mb_log__tell tell)
{
    if (q.is_queued || pthread_atfork(before_fork, after_fork, in_child) != 0) return;
    init_conditions();
    q.memory = memory;
    q.size = size;
    q.tell = tell;
    q.is_queued = true;
}

void mb_log__count(_Atomic uint64_t *lost)
{
    pthread_mutex_lock(&q.lock);
    q.lost = lost;
    if (lost != NULL) atomic_fetch_add(lost, q.untold);
    pthread_mutex_unlock(&q.lock);
}

/* The thread is woken by the first line, and when it must not linger. */
static void enqueue(const char *text, size_t len, bool is_urgent)
{
    bool is_first = q.used == 0, hurries = is_urgent || q.used + len > q.size / 2;
    copy_in(text, len);
    if (is_first || (hurries && !q.is_urgent)) pthread_cond_signal(&q.filled);
    q.is_urgent = q.is_urgent || hurries;
}

void mb_log__put(const char *text, size_t len, bool is_urgent)
{
    pthread_mutex_lock(&q.lock);
    size_t room = is_urgent ? q.size : q.size - q.size / 4;
    if (q.is_queued && !q.has_thread) start_thread();
    bool is_taken = false;
    if (q.has_thread) {
        is_taken = q.used + len <= room;
        if (is_taken) enqueue(text, len, is_urgent);
    } else {
        is_taken = q.is_queued ? write_at_once(text, len) : write_all(text, len);
    }
    if (!is_taken) count_lost(text, len);
    pthread_mutex_unlock(&q.lock);
}

/* Nobody reads: a write has been under way for a while and there is no room. (Time alone would say
 * so of a thread that gets no processor, too.) */
static bool is_stuck(void)
{
    uint64_t since = atomic_load(&q.since_ns);
    struct pollfd room = {.fd = q.fd, .events = POLLOUT};
    return since != 0 && mb_mono_ns() - since > PATIENCE_MS * 1000000u && poll(&room, 1, 0) == 0;
}

static bool is_waiting(void) { return q.has_thread && atomic_load(&q.done) < atomic_load(&q.put); }

void mb_log__put_last(const char *text, size_t len)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    for (int i = 0; i < PATIENCE_MS / LOOK_MS && is_waiting() && !is_stuck(); i++)
        (void)nanosleep(&look, NULL);
    (void)write_at_once(text, len);
}

void mb_log__flush(void)
{
    uint64_t until_ns = mb_mono_ns() + FLUSH_MS * 1000000ull;
    pthread_mutex_lock(&q.lock);
    while (is_waiting() && !is_stuck() && mb_mono_ns() < until_ns) {
        struct timespec until = in_ms(PATIENCE_MS);
        q.is_urgent = true;
        pthread_cond_signal(&q.filled);
        (void)pthread_cond_timedwait(&q.written, &q.lock, &until);
    }
    pthread_mutex_unlock(&q.lock);
}
