// Numbers of weights in the blocks of GGUF files, thirty-two at a time: for processors with
// AVX-512, and those into bfloat16 for processors with tala_has_bfloat16_products.
#ifndef TALA_BLOCK_UNPACKING_H
#define TALA_BLOCK_UNPACKING_H

#include <stdint.h>

/// Whether the format with this number in GGUF files is unpacked here.
int tala_unpacks_blocks(uint32_t format);

/// The numbers of `count` blocks, at any address, bit for bit as ggml's reference computes them
/// without fused multiply-add; bfloat16 is rounded from the same numbers to the nearest, ties to
/// even.
void tala_unpack_blocks(uint32_t format, const void *_Nonnull blocks, int64_t count, float *_Nonnull target);
void tala_unpack_blocks_bfloat16(uint32_t format, const void *_Nonnull blocks, int64_t count, uint16_t *_Nonnull target);
#endif
