// Rows of blocks as numbers.
#include "block_unpacking.h"

#if defined(__x86_64__)
#include "block_loops.h"

#define TALA_UNPACKED(NAME, NUMBER, HEADS, BYTES, PARTS) TALA_LOOPS(NAME, PARTS)
TALA_ALL_FORMATS(TALA_UNPACKED)

#define TALA_ENTRY(NAME, NUMBER, HEADS, BYTES, PARTS) [NUMBER] = {NAME##_floats, NAME##_halves},
/// By number.
static const struct {
    void (*floats)(const uint8_t *, const void *, int64_t, float *);
    void (*halves)(const uint8_t *, const void *, int64_t, uint16_t *);
} formats[] = {TALA_ALL_FORMATS(TALA_ENTRY)};

int tala_unpacks_blocks(uint32_t format) { return format < sizeof formats / sizeof formats[0] && formats[format].floats != 0; }

void tala_unpack_blocks(uint32_t format, const void *blocks, int64_t count, float *target) {
    if (tala_unpacks_blocks(format)) formats[format].floats(blocks, 0, count, target);
}

void tala_unpack_blocks_bfloat16(uint32_t format, const void *blocks, int64_t count, uint16_t *target) {
    if (tala_unpacks_blocks(format)) formats[format].halves(blocks, 0, count, target);
}

#else

int tala_unpacks_blocks(uint32_t format) { return 0; }
void tala_unpack_blocks(uint32_t format, const void *blocks, int64_t count, float *target) {}
void tala_unpack_blocks_bfloat16(uint32_t format, const void *blocks, int64_t count, uint16_t *target) {}

#endif
