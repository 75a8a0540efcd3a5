#include "processor_level.h"

#ifndef TALA_BUILT_FOR
#define TALA_BUILT_FOR 0
#endif

int tala_built_for_level(void) { return TALA_BUILT_FOR; }

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { leaf_1, leaf_7, leaf_extended, leaf_count };
enum { register_b, register_c, register_d };

/// An instruction set: its name as /proc/cpuinfo writes it, the level that needs it, and the bit
/// that tells of it.
typedef struct {
    const char *name;
    int level, leaf, place, bit;
} tala_feature;

static const tala_feature features[] = {
    {"cx16", 2, leaf_1, register_c, 13},          {"lahf_lm", 2, leaf_extended, register_c, 0},
    {"popcnt", 2, leaf_1, register_c, 23},        {"sse3", 2, leaf_1, register_c, 0},
    {"ssse3", 2, leaf_1, register_c, 9},          {"sse4_1", 2, leaf_1, register_c, 19},
    {"sse4_2", 2, leaf_1, register_c, 20},        {"avx", 3, leaf_1, register_c, 28},
    {"avx2", 3, leaf_7, register_b, 5},           {"bmi1", 3, leaf_7, register_b, 3},
    {"bmi2", 3, leaf_7, register_b, 8},           {"f16c", 3, leaf_1, register_c, 29},
    {"fma", 3, leaf_1, register_c, 12},           {"abm", 3, leaf_extended, register_c, 5},
    {"movbe", 3, leaf_1, register_c, 22},         {"avx512f", 4, leaf_7, register_b, 16},
    {"avx512bw", 4, leaf_7, register_b, 30},      {"avx512cd", 4, leaf_7, register_b, 28},
    {"avx512dq", 4, leaf_7, register_b, 17},      {"avx512vl", 4, leaf_7, register_b, 31},
};

/// Bits of the register that says which registers the system keeps for a process.
enum { keeps_avx = 0x6, keeps_avx512 = 0xe6 };

const char *tala_missing_for_level(int level) {
    uint32_t words[leaf_count][3] = {{0}};
    uint32_t a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d)) memcpy(words[leaf_1], (uint32_t[]){b, c, d}, sizeof words[0]);
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) memcpy(words[leaf_7], (uint32_t[]){b, c, d}, sizeof words[0]);
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) memcpy(words[leaf_extended], (uint32_t[]){b, c, d}, sizeof words[0]);
    uint32_t kept = 0;
    // The system has to keep the wider registers, too (bit 27: it says so in XCR0).
    if (words[leaf_1][register_c] >> 27 & 1) __asm__ volatile("xgetbv" : "=a"(kept), "=d"(d) : "c"(0));
    for (unsigned i = 0; i < sizeof features / sizeof features[0]; i++) {
        const tala_feature *feature = &features[i];
        if (feature->level > level) continue;
        const uint32_t needed = feature->level == 4 ? keeps_avx512 : feature->level == 3 ? keeps_avx : 0;
        if (!(words[feature->leaf][feature->place] >> feature->bit & 1) || (kept & needed) != needed) return feature->name;
    }
    return 0;
}

int tala_processor_level(void) {
    int level = 1;
    while (level < 4 && !tala_missing_for_level(level + 1)) level++;
    return level;
}

__attribute__((constructor(101))) void tala_require_processor(void) {
    const char *missing = tala_missing_for_level(TALA_BUILT_FOR);
    if (!missing) return;
    // Written without stdio: nothing of the program has run yet.
    const char *const parts[] = {
        "this program was built for x86-64-v", (const char[]){'0' + TALA_BUILT_FOR, 0}, "; this processor lacks ", missing,
        ": take a build for every processor (scripts/build-levels), or build it on this machine\n"};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0) break;
    }
    _exit(tala_wrong_processor_status);
}

#else
const char *tala_missing_for_level(int level) { return 0; }
int tala_processor_level(void) { return 0; }
void tala_require_processor(void) {}
#endif
