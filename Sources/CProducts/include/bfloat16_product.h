// Matrix products of bfloat16 numbers in the instructions that processors have for them (AVX-512
// BF16), on the calling thread.
#ifndef TALA_BFLOAT16_PRODUCT_H
#define TALA_BFLOAT16_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

/// c (m x n, rows `c_stride` apart) = op(a) * op(b), plus what c holds if `accumulates`. Sums are
/// float32. Strides are in elements.
typedef struct {
    int64_t m, n, k;
    /// a is stored k x m where `transposes_a`, else m x k; b is stored n x k where `transposes_b`,
    /// else k x n.
    int64_t a_stride, b_stride, c_stride;
    int transposes_a, transposes_b;
    /// c is bfloat16, rounded to nearest; else float32.
    int gives_bfloat16;
    int accumulates;
} tala_bfloat16_product;

/// Whether this processor, and the system on it, has the instructions; the functions below must not
/// be called where it has not.
int tala_has_bfloat16_products(void);

/// Bytes of working memory that a product needs.
size_t tala_bfloat16_product_scratch(const tala_bfloat16_product *_Nonnull product);

/// Computes the product. Nothing outside the operands' rows is read into a sum, and nothing outside
/// c's is written. An output's sum has one order, which k alone determines.
void tala_run_bfloat16_product(
    const tala_bfloat16_product *_Nonnull product, const void *_Nonnull a, const void *_Nonnull b, void *_Nonnull c, void *_Nonnull scratch);

#endif
