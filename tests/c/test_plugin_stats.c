/* Facts about the board of plugins: entries by name, and when a quarantine begins and ends. */
#include "plugin/stats.h"

#include <stdio.h>
#include <string.h>

#include "tap.h"

static struct mb_plugin_board board;

static void test_entries(void)
{
    struct mb_plugin_stats *a = mb_plugin_board_take(&board, "clinic.a");
    struct mb_plugin_stats *b = mb_plugin_board_take(&board, "clinic.b");
    ok(a != NULL && b != NULL && a != b, "gives each name an entry");
    ok(mb_plugin_board_take(&board, "clinic.a") == a, "gives a name its entry again");
    ok(mb_plugin_board_find(&board, "clinic.b") == b, "finds it");
    ok(mb_plugin_board_find(&board, "clinic.c") == NULL, "finds no other");
    ok(strcmp(a->name, "clinic.a") == 0 && atomic_load(&a->is_named), "tells the name");
    char name[16];
    for (int i = 0; i < MB_MAX_PLUGINS - 2; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        if (mb_plugin_board_take(&board, name) == NULL) break;
    }
    ok(mb_plugin_board_take(&board, "one.more") == NULL, "has room for MB_MAX_PLUGINS");
    ok(mb_plugin_board_take(&board, "clinic.a") == a, "and knows its own when it is full");
}

static void test_quarantine(void)
{
    struct mb_plugin_stats *s = mb_plugin_board_find(&board, "clinic.a");
    ok(!mb_plugin_strike(s, 100, 3, 50) && !mb_plugin_strike(s, 150, 3, 50),
       "lets two of three pass");
    ok(!mb_plugin_strike(s, 151, 3, 50), "forgets them when the window is over");
    ok(!mb_plugin_strike(s, 152, 3, 50) && mb_plugin_strike(s, 153, 3, 50), "begins at the third");
    ok(atomic_load(&s->is_quarantined), "and lasts");
    ok(!mb_plugin_strike(s, 154, 3, 50), "is told once");
    mb_plugin_release(s);
    ok(!atomic_load(&s->is_quarantined) && atomic_load(&s->strikes) == 0, "ends by release");
    for (int i = 0; i < 100; i++) (void)mb_plugin_strike(s, 200, 0, 50);
    ok(!atomic_load(&s->is_quarantined), "never begins without a limit");
    ok(atomic_load(&s->kills) == 106, "counts every kill");
}

static void test_once(void)
{
    struct mb_plugin_stats *s = mb_plugin_board_take(&board, "clinic.b");
    for (uint64_t now = 100; now <= 150; now += 10) (void)mb_plugin_strike_once(s, now, 2, 50);
    ok(atomic_load(&s->kills) == 1, "counts the first of many within a window");
    ok(!mb_plugin_strike_once(s, 151, 2, 50) && atomic_load(&s->kills) == 2,
       "and the first of the next");
}

int main(void)
{
    test_entries();
    test_quarantine();
    test_once();
    return done();
}
