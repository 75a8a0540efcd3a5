// Blockwise attention, forward and backward: what the three kernels share.
//
// A group works on one block of rows ("own" rows: queries, or keys where gradients of keys are
// summed) of one head and walks over blocks of the other side ("met" rows). It has ROW_LANES *
// LANES invocations; each holds OWN rows of the block, a share of their columns in registers, and
// computes MET scores of each at a time. Scores of a block exist in registers and, for the other
// lanes of the row, in shared memory; never elsewhere.
//
// With LANES = 1 an invocation holds its rows whole, and nothing is shared: best where shared
// memory is no faster than any other. With more, the operands of the scores are staged SLICE
// columns at a time, and the columns of results are dealt out to the lanes in turns.
//
// Defined by the caller: HEAD_WIDTH, ROW_LANES, LANES, OWN, MET, SLICE, GROUP_RATIO (query heads
// that share a key head); HAS_CAP where scores are capped.

layout(local_size_x = ROW_LANES * LANES) in;

const uint OWN_BLOCK = ROW_LANES * OWN;
const uint MET_BLOCK = LANES * MET;
// Columns of results that a lane holds.
const uint SHARE = (HEAD_WIDTH + LANES - 1) / LANES;
const float LOWEST = -3.0e38;

uint row_lane() { return gl_LocalInvocationID.x / LANES; }
uint lane() { return gl_LocalInvocationID.x % LANES; }

// The smallest and largest of the bounds that the invocations of a group bring, for all of them:
// nothing to share where each walks alone.
#if LANES > 1
shared int range_first[ROW_LANES * LANES];
shared int range_last[ROW_LANES * LANES];
ivec2 common_range(ivec2 own) {
    uint local = gl_LocalInvocationID.x;
    range_first[local] = own.x;
    range_last[local] = own.y;
    barrier();
    for (uint i = 0; i < ROW_LANES * LANES; i += LANES) own = ivec2(min(own.x, range_first[i]), max(own.y, range_last[i]));
    barrier();
    return own;
}
#else
ivec2 common_range(ivec2 own) { return own; }
#endif

// The score as the softmax sees it, and the derivative of the cap.
vec2 capped_score(float product, float scale, float cap) {
#ifdef HAS_CAP
    float curve = hyperbolic_tangent(product * scale / cap);
    return vec2(cap * curve, 1.0 - curve * curve);
#else
    return vec2(product * scale, 1.0);
#endif
}
