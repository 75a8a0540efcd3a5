// In C because a code's number comes from a table in registers, for which Swift has no words.
#include "unpacking.h"

#if defined(__x86_64__)
#include "block_loops.h"
#include "quantized_formats.h"

#define TALA_UNPACKED(NAME, PARTS)                                                                                                        \
    TALA_LOOPS(NAME, PARTS)                                                                                                               \
    void tala_unpack_##NAME(const tala_##NAME *weight, int64_t first_block, int64_t blocks, float *target) {                              \
        NAME##_floats((const uint8_t *)weight->codes + first_block * bytes_of_##NAME, weight, blocks, target);                            \
    }                                                                                                                                     \
    void tala_unpack_##NAME##_bfloat16(const tala_##NAME *weight, int64_t first_block, int64_t blocks, uint16_t *target) {                \
        NAME##_halves((const uint8_t *)weight->codes + first_block * bytes_of_##NAME, weight, blocks, target);                            \
    }
TALA_QUANTIZED_FORMATS(TALA_UNPACKED)

#else

void tala_unpack_q8(const tala_q8 *weight, int64_t first_block, int64_t blocks, float *target) {}
void tala_unpack_q8_bfloat16(const tala_q8 *weight, int64_t first_block, int64_t blocks, uint16_t *target) {}
void tala_unpack_nf4(const tala_nf4 *weight, int64_t first_block, int64_t blocks, float *target) {}
void tala_unpack_nf4_bfloat16(const tala_nf4 *weight, int64_t first_block, int64_t blocks, uint16_t *target) {}

#endif
