// Criterion places the arena it shares with its forks at a random address between 0x200000000000 and
// 0x5fffff000000, most of which ThreadSanitizer keeps for itself, so a test program would mostly fail to
// start. The address is base + rand_r() * 16 MiB (src/arena.c of BoxFort); this rand_r() answers only what lands
// in the range 0x550000000000 to 0x568000000000 that belongs to the program. Linked into TSan builds only.
#include <stdlib.h>

enum { FIRST_SLOT = 0x350000, SLOT_COUNT = 0x18000 };

int rand_r(unsigned int *seed) {
    *seed = *seed * 1103515245u + 12345u;
    return FIRST_SLOT + (int)((*seed >> 8) % SLOT_COUNT);
}
