/*
 * Columns of diagnostics.
 */
#include <stdio.h>

#include "app/locate.h"
#include "tap.h"

static const char SCRIPT[] = "return {\n  colour = colourful, color = 1,\n\n\tend\n";

static void is(const char *text, const char *expected)
{
    const struct mb_script scripts[] = {{"boot.lua", mb_str_z(SCRIPT)}};
    const struct mb_script plugins[] = {{"plugins/a.b/plugin.lua", MB_STR("last")}};
    const struct mb_shelf_slot slot = {
        .scripts = scripts, .nscripts = 1, .plugins = plugins, .nplugins = 1};
    struct mb_buf out;
    mb_buf_init(&out, 4096);
    bool same = mb_locate(&slot, mb_str_z(text), &out) == MB_OK &&
                mb_str_eq(mb_buf_str(&out), mb_str_z(expected));
    ok(same, "%.*s", (int)strcspn(expected, "\n"), expected);
    if (!same) printf("# got %.*s\n", (int)out.len, out.data);
    mb_buf_reset(&out);
}

int main(void)
{
    is("boot.lua:2: unknown key 'color' of x", "boot.lua:2:23: unknown key 'color' of x");
    is("boot.lua:2: nothing quoted stands there: 'x'",
       "boot.lua:2:3: nothing quoted stands there: 'x'");
    is("boot.lua:2: `no` but \"colourful\"", "boot.lua:2:12: `no` but \"colourful\"");
    is("boot.lua:4: 'colour' expected near 'end'", "boot.lua:4:2: 'colour' expected near 'end'");
    is("boot.lua:3: an empty line", "boot.lua:3:1: an empty line");
    is("boot.lua:5: behind the end", "boot.lua:5:1: behind the end");
    is("boot.lua:6: no such line", "boot.lua:6: no such line");
    is("plugins/a.b/plugin.lua:1: near <eof>", "plugins/a.b/plugin.lua:1:1: near <eof>");
    is("other.lua:1: no such file", "other.lua:1: no such file");
    is("boot.lua: of the whole\nboot.lua:1: 'return'\n",
       "boot.lua: of the whole\nboot.lua:1:1: 'return'\n");
    is("boot.lua:1:7: has one", "boot.lua:1:7: has one");
    is("boot.lua:99999999999: no number", "boot.lua:99999999999: no number");
    is("don't 'cut", "don't 'cut");
    is("", "");
    return done();
}
