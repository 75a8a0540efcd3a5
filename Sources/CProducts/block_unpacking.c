// Rows of blocks as numbers.
#include "block_unpacking.h"

#if defined(__x86_64__)
#include "block_formats.h"

#define TALA_UNROLL _Pragma("clang loop unroll(full)")

#define TALA_UNPACKED(NAME, NUMBER, HEADS, BYTES, PARTS)                                                                                  \
    TALA_TARGET static void NAME##_floats(const uint8_t *block, int64_t count, float *target) {                                           \
        for (; count > 0; count--, block += BYTES) {                                                                                      \
            const tala_heads heads = HEADS(block);                                                                                        \
            TALA_UNROLL for (int part = 0; part < PARTS; part++, target += 32) {                                                          \
                const tala_numbers numbers = NAME(block, part, &heads);                                                                   \
                _mm512_storeu_ps(target, numbers.first);                                                                                  \
                _mm512_storeu_ps(target + 16, numbers.second);                                                                            \
            }                                                                                                                             \
        }                                                                                                                                 \
    }                                                                                                                                     \
    TALA_TARGET_BF16 static void NAME##_halves(const uint8_t *block, int64_t count, uint16_t *target) {                                   \
        for (; count > 0; count--, block += BYTES) {                                                                                      \
            const tala_heads heads = HEADS(block);                                                                                        \
            TALA_UNROLL for (int part = 0; part < PARTS; part++, target += 32) {                                                          \
                _mm512_storeu_si512(target, NAME##_narrow(block, part, &heads));                                                          \
            }                                                                                                                             \
        }                                                                                                                                 \
    }
TALA_ALL_FORMATS(TALA_UNPACKED)

#define TALA_ENTRY(NAME, NUMBER, HEADS, BYTES, PARTS) [NUMBER] = {NAME##_floats, NAME##_halves},
/// By number.
static const struct {
    void (*floats)(const uint8_t *, int64_t, float *);
    void (*halves)(const uint8_t *, int64_t, uint16_t *);
} formats[] = {TALA_ALL_FORMATS(TALA_ENTRY)};

int tala_unpacks_blocks(uint32_t format) { return format < sizeof formats / sizeof formats[0] && formats[format].floats != 0; }

void tala_unpack_blocks(uint32_t format, const void *blocks, int64_t count, float *target) {
    if (tala_unpacks_blocks(format)) formats[format].floats(blocks, count, target);
}

void tala_unpack_blocks_bfloat16(uint32_t format, const void *blocks, int64_t count, uint16_t *target) {
    if (tala_unpacks_blocks(format)) formats[format].halves(blocks, count, target);
}

#else

int tala_unpacks_blocks(uint32_t format) { return 0; }
void tala_unpack_blocks(uint32_t format, const void *blocks, int64_t count, float *target) {}
void tala_unpack_blocks_bfloat16(uint32_t format, const void *blocks, int64_t count, uint16_t *target) {}

#endif
