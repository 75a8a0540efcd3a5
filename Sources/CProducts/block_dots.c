// Weights in the blocks of GGUF files.
#include "block_dots.h"

#if defined(__x86_64__)
#include "block_formats.h"
#include "block_tile.h"

#define TALA_DOTS(NAME, NUMBER, HEADS, BYTES, PARTS)                                                                                      \
    TALA_TILE(NAME, singles, TALA_TARGET, float, PARTS, TALA_SINGLES)                                                                     \
    TALA_TILE(NAME, pairs, TALA_TARGET_BF16, uint16_t, PARTS, TALA_PAIRS)
TALA_ALL_FORMATS(TALA_DOTS)

#define TALA_ENTRY(NAME, NUMBER, HEADS, BYTES, PARTS) [NUMBER] = {NAME##_singles, NAME##_pairs},
/// By number.
static const struct {
    void (*singles)(const tala_block_dots *, const float *, const uint8_t *, const void *, float *);
    void (*pairs)(const tala_block_dots *, const uint16_t *, const uint8_t *, const void *, float *);
} formats[] = {TALA_ALL_FORMATS(TALA_ENTRY)};

static int is_known(uint32_t format) { return format < sizeof formats / sizeof formats[0] && formats[format].singles != 0; }

void tala_block_dots_float32(uint32_t format, const tala_block_dots *shape, const float *x, const void *w, float *sums) {
    if (is_known(format)) formats[format].singles(shape, x, w, 0, sums);
}

void tala_block_dots_bfloat16(uint32_t format, const tala_block_dots *shape, const uint16_t *x, const void *w, float *sums) {
    if (is_known(format)) formats[format].pairs(shape, x, w, 0, sums);
}

#else

void tala_block_dots_float32(uint32_t format, const tala_block_dots *shape, const float *x, const void *w, float *sums) {}
void tala_block_dots_bfloat16(uint32_t format, const tala_block_dots *shape, const uint16_t *x, const void *w, float *sums) {}

#endif
