// Matrix products by oneDNN, in the few words that the backend needs. Versions 2 and 3 differ in
// how descriptions of memory and primitives are made; nothing outside this header knows which one
// is installed. Every function gives oneDNN's status: 0 is success.
#ifndef TALA_ONEDNN_H
#define TALA_ONEDNN_H

#include <oneapi/dnnl/dnnl.h>
#include <stddef.h>
#include <stdint.h>

/// c (m x n, rows `c_stride` apart) = a (m x k) * b (k x n), plus what c holds if `accumulates`.
/// Strides are in elements.
typedef struct {
    dnnl_data_type_t input_type, output_type;
    int64_t m, n, k;
    int64_t a_row_stride, a_column_stride, b_row_stride, b_column_stride, c_stride;
    int accumulates;
} tala_product;

static inline dnnl_status_t tala_create_engine(dnnl_engine_t _Nullable *_Nonnull engine) { return dnnl_engine_create(engine, dnnl_cpu, 0); }

/// Has oneDNN use no instructions beyond a level of the x86-64 ABI. It takes such a wish only
/// before its first primitive.
static inline void tala_limit_onednn(int level) {
    if (level < 4) dnnl_set_max_cpu_isa(level < 3 ? dnnl_cpu_isa_sse41 : dnnl_cpu_isa_avx2);
}

static inline dnnl_status_t tala_create_stream(dnnl_engine_t _Nonnull engine, dnnl_stream_t _Nullable *_Nonnull stream) {
    return dnnl_stream_create(stream, engine, dnnl_stream_default_flags);
}

/// A matrix in memory that is named later.
static inline dnnl_status_t tala_create_matrix(
    dnnl_engine_t _Nonnull engine, dnnl_data_type_t type, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride,
    dnnl_memory_t _Nullable *_Nonnull memory) {
    dnnl_dims_t sizes = {rows, columns}, strides = {row_stride, column_stride};
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t description = NULL;
    dnnl_status_t status = dnnl_memory_desc_create_with_strides(&description, 2, sizes, type, strides);
    if (status != dnnl_success) return status;
    status = dnnl_memory_create(memory, description, engine, DNNL_MEMORY_NONE);
    dnnl_memory_desc_destroy(description);
    return status;
#else
    dnnl_memory_desc_t description;
    dnnl_status_t status = dnnl_memory_desc_init_by_strides(&description, 2, sizes, type, strides);
    if (status != dnnl_success) return status;
    return dnnl_memory_create(memory, &description, engine, DNNL_MEMORY_NONE);
#endif
}

/// Working memory of so many bytes, named later.
static inline dnnl_status_t tala_create_scratchpad(dnnl_engine_t _Nonnull engine, size_t byte_count, dnnl_memory_t _Nullable *_Nonnull memory) {
    dnnl_dims_t sizes = {(dnnl_dim_t)byte_count}, strides = {1};
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t description = NULL;
    dnnl_status_t status = dnnl_memory_desc_create_with_strides(&description, 1, sizes, dnnl_u8, strides);
    if (status != dnnl_success) return status;
    status = dnnl_memory_create(memory, description, engine, DNNL_MEMORY_NONE);
    dnnl_memory_desc_destroy(description);
    return status;
#else
    dnnl_memory_desc_t description;
    dnnl_status_t status = dnnl_memory_desc_init_by_strides(&description, 1, sizes, dnnl_u8, strides);
    if (status != dnnl_success) return status;
    return dnnl_memory_create(memory, &description, engine, DNNL_MEMORY_NONE);
#endif
}

/// The primitive for a product, for the number of OpenMP threads that the calling thread has; its
/// working memory is the caller's. `is_slow` tells that oneDNN has only its reference
/// implementation for it.
static inline dnnl_status_t tala_create_product(
    dnnl_engine_t _Nonnull engine, const tala_product *_Nonnull product, dnnl_primitive_t _Nullable *_Nonnull primitive,
    size_t *_Nonnull scratchpad_bytes, int *_Nonnull is_slow) {
    dnnl_dims_t a_sizes = {product->m, product->k}, b_sizes = {product->k, product->n}, c_sizes = {product->m, product->n};
    dnnl_dims_t a_strides = {product->a_row_stride, product->a_column_stride}, b_strides = {product->b_row_stride, product->b_column_stride};
    dnnl_dims_t c_strides = {product->c_stride, 1};
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t post_operations = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && product->accumulates) {
        status = dnnl_post_ops_create(&post_operations);
#if DNNL_VERSION_MAJOR >= 3
        if (status == dnnl_success) status = dnnl_post_ops_append_sum(post_operations, 1.0f, 0, dnnl_data_type_undef);
#else
        if (status == dnnl_success) status = dnnl_post_ops_append_sum(post_operations, 1.0f);
#endif
        if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attributes, post_operations);
    }
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t a = NULL, b = NULL, c = NULL;
    if (status == dnnl_success) status = dnnl_memory_desc_create_with_strides(&a, 2, a_sizes, product->input_type, a_strides);
    if (status == dnnl_success) status = dnnl_memory_desc_create_with_strides(&b, 2, b_sizes, product->input_type, b_strides);
    if (status == dnnl_success) status = dnnl_memory_desc_create_with_strides(&c, 2, c_sizes, product->output_type, c_strides);
    if (status == dnnl_success) status = dnnl_matmul_primitive_desc_create(&description, engine, a, b, NULL, c, attributes);
    if (a) dnnl_memory_desc_destroy(a);
    if (b) dnnl_memory_desc_destroy(b);
    if (c) dnnl_memory_desc_destroy(c);
#else
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t operation;
    if (status == dnnl_success) status = dnnl_memory_desc_init_by_strides(&a, 2, a_sizes, product->input_type, a_strides);
    if (status == dnnl_success) status = dnnl_memory_desc_init_by_strides(&b, 2, b_sizes, product->input_type, b_strides);
    if (status == dnnl_success) status = dnnl_memory_desc_init_by_strides(&c, 2, c_sizes, product->output_type, c_strides);
    if (status == dnnl_success) status = dnnl_matmul_desc_init(&operation, &a, &b, NULL, &c);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(&description, &operation, attributes, engine, NULL);
#endif
    if (status == dnnl_success) {
        const char *implementation = NULL;
        *is_slow = dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &implementation) == dnnl_success && implementation
            && __builtin_strncmp(implementation, "ref", 3) == 0;
#if DNNL_VERSION_MAJOR >= 3
        const_dnnl_memory_desc_t scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
#else
        const dnnl_memory_desc_t *scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
#endif
        *scratchpad_bytes = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
        status = dnnl_primitive_create(primitive, description);
    }
    if (description) dnnl_primitive_desc_destroy(description);
    if (post_operations) dnnl_post_ops_destroy(post_operations);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    return status;
}

/// Runs a product on these addresses. The memory objects belong to the calling thread while it
/// runs; `scratchpad` may be absent where none is needed.
static inline dnnl_status_t tala_run_product(
    dnnl_primitive_t _Nonnull primitive, dnnl_stream_t _Nonnull stream, dnnl_memory_t _Nonnull a, dnnl_memory_t _Nonnull b, dnnl_memory_t _Nonnull c,
    dnnl_memory_t _Nullable scratchpad, const void *_Nonnull a_address, const void *_Nonnull b_address, void *_Nonnull c_address,
    void *_Nullable scratchpad_address) {
    dnnl_status_t status = dnnl_memory_set_data_handle(a, (void *)a_address);
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(b, (void *)b_address);
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(c, c_address);
    if (status == dnnl_success && scratchpad) status = dnnl_memory_set_data_handle(scratchpad, scratchpad_address);
    if (status != dnnl_success) return status;
    dnnl_exec_arg_t arguments[4] = {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}, {DNNL_ARG_SCRATCHPAD, scratchpad}};
    return dnnl_primitive_execute(primitive, stream, scratchpad ? 4 : 3, arguments);
}
#endif
