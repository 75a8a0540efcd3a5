// Prints what every function of Sources/COneDNN/vectors.h makes of many vectors, ordinary numbers and others: the same text whatever it is
// compiled for. scripts/check-vectors compares.
#include "../../Sources/COneDNN/vectors.h"
#include <stdio.h>
#include <string.h>

static uint64_t state = 1;
static uint32_t word(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/// A number of any kind: one in four has an exponent or a fraction at a border.
static float number(void) {
    uint32_t bits = word();
    switch (word() % 16) {
    case 0: bits |= 0x7f800000u; break;
    case 1: bits &= 0x807fffffu; break;
    case 2: bits &= 0x80000000u; break;
    case 3: bits = (bits & 0x80000000u) | 0x7f800000u; break;
    default: bits = (bits & 0xbfffffffu) | 0x30000000u; break;
    }
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static void show(const void *address, size_t size) {
    uint64_t digest = 14695981039346656037u;
    for (size_t i = 0; i < size; i++) digest = (digest ^ ((const unsigned char *)address)[i]) * 1099511628211u;
    printf(" %016llx", (unsigned long long)digest);
}

int main(void) {
    // What stands behind a part must be neither read nor written.
    float source[32], target[32];
    for (int turn = 0; turn < 2000; turn++) {
        for (int i = 0; i < 32; i++) source[i] = number();
        tala_vector a, b;
        memcpy(&a, source, sizeof a);
        memcpy(&b, source + 16, sizeof b);
        tala_integers masks[4] = {tala_is_less(a, b), tala_is_equal(a, a), tala_is_at_most(a, b), tala_differs(a, a)};
        show(masks, sizeof masks);
        tala_vector chosen = tala_choose(masks[0], a, b);
        show(&chosen, sizeof chosen);
        unsigned char halves[32];
        tala_store_bfloat16(a, halves);
        show(halves, sizeof halves);
        float greatest = tala_greatest(a);
        show(&greatest, sizeof greatest);
        // Which of two that are not numbers a sum becomes is the processor's choice.
        float total = tala_total(a);
        if (total != total) printf(" none"); else show(&total, sizeof total);
        for (long count = 0; count <= 16; count++) {
            for (int i = 0; i < 32; i++) target[i] = source[31 - i];
            tala_vector part = tala_load_part(source + turn % 13, count);
            tala_store_part(a, target + turn % 13, count);
            show(&part, sizeof part);
            show(target, sizeof target);
        }
        printf("\n");
    }
    return 0;
}
