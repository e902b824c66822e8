// Criterion places the arena it shares with its forks at a random address between 0x200000000000 and
// 0x5fffff000000, most of which ThreadSanitizer keeps for itself, so a test program would mostly fail to
// start. The address is base + rand_r() * 16 MiB (src/arena.c of BoxFort); this rand_r() answers libraries only
// what lands in the range 0x550000000000 to 0x568000000000 that belongs to the program, and leaves what the
// program itself asks to the real one. Linked into TSan builds only.
#include <dlfcn.h>
#include <stdlib.h>

enum { FIRST_SLOT = 0x350000, SLOT_COUNT = 0x18000 };

static void *s_module_of(const void *address) {
    Dl_info info;
    return dladdr(address, &info) ? info.dli_fbase : NULL;
}

int rand_r(unsigned int *seed) {
    if (s_module_of(__builtin_return_address(0)) == s_module_of(&s_module_of))
        return ((int (*)(unsigned int *))dlsym(RTLD_NEXT, "rand_r"))(seed);
    *seed = *seed * 1103515245u + 12345u;
    return FIRST_SLOT + (int)((*seed >> 8) % SLOT_COUNT);
}
