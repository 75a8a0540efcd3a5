#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// Softmax attention over pages of a cache: a group takes one row and one head of queries and walks
// the pages that the row sees, in order. A lane computes the scores of some keys of a page, and the
// sums of some columns of the values; every sum runs in ascending order.
//
// PAGE_ROWS, WIDTH and LANES are defined; parameters: heads, heads of keys, rows of `pages`, its
// columns, rows of the cache, scale, cap of scores. HAS_SINKS: there is one more score for each
// head.
INPUT(0, q)
INPUT(1, keys)
INPUT(2, values)
INPUT_INT(3, ranges)
INPUT_INT(4, sequences)
INPUT_INT(5, pages)
#ifdef HAS_SINKS
INPUT(6, sinks)
OUTPUT(7, o)
#define OPERANDS 8
#else
OUTPUT(6, o)
#define OPERANDS 7
#endif

#define OWN ((WIDTH + LANES - 1) / LANES)

layout(local_size_x = LANES) in;

shared float scores[PAGE_ROWS];

void main() {
    uint group = group_index();
    if (group >= group_count()) return;
    uint lane = gl_LocalInvocationID.x;
    uint heads = PARAMETER(OPERANDS, 0);
    uint row = group / heads;
    uint head = group - row * heads;
    uint key_head = head / (heads / PARAMETER(OPERANDS, 1));
    float scale = FLOAT_PARAMETER(OPERANDS, 5);
    float cap = FLOAT_PARAMETER(OPERANDS, 6);
    int sequence = sequences(row, 0);
    int position = max(0, ranges(row, 0));
    int end = min(ranges(row, 1), int(PARAMETER(OPERANDS, 3) * PAGE_ROWS));
    if (sequence < 0 || sequence >= int(PARAMETER(OPERANDS, 2))) end = 0;
    uint query = ELEMENT(0, row, head * WIDTH);
    float greatest = 0.0;
    float total = 0.0;
    bool is_first = true;
    float own[OWN];
    [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = 0.0;
    while (position < end) {
        int number = position / PAGE_ROWS;
        int place = pages(uint(sequence), uint(number)) * PAGE_ROWS + position - number * PAGE_ROWS;
        int count = min(end, (number + 1) * PAGE_ROWS) - position;
        position += count;
        // A page that the cache does not have holds nothing.
        if (place < 0 || place + count > int(PARAMETER(OPERANDS, 4))) continue;
        barrier();
        for (int key = int(lane); key < count; key += LANES) {
            uint start = ELEMENT(1, uint(place + key), key_head * WIDTH);
            float dot = 0.0;
            for (uint i = 0; i < WIDTH; i++) dot = fma(q_at(query + i), keys_at(start + i), dot);
            dot *= scale;
            scores[key] = cap == 0.0 ? dot : cap * tanh(dot / cap);
        }
        barrier();
        float top = scores[0];
        for (int key = 1; key < count; key++) top = max(top, scores[key]);
        float now = is_first ? top : max(greatest, top);
        float shrink = is_first ? 0.0 : exp(greatest - now);
        is_first = false;
        greatest = now;
        [[unroll]] for (uint i = 0; i < OWN; i++) own[i] *= shrink;
        float sum = 0.0;
        for (int key = 0; key < count; key++) {
            float weight = exp(scores[key] - now);
            sum += weight;
            uint start = ELEMENT(2, uint(place + key), key_head * WIDTH);
            [[unroll]] for (uint i = 0; i < OWN; i++) {
                uint column = lane + i * LANES;
                if (column < WIDTH) own[i] = fma(weight, values_at(start + column), own[i]);
            }
        }
        total = total * shrink + sum;
    }
    float shrink = 1.0;
#ifdef HAS_SINKS
    // One more score, whose value is nothing.
    if (total != 0.0) {
        float sink = sinks(0, head);
        float top = max(greatest, sink);
        shrink = exp(greatest - top);
        total = total * shrink + exp(sink - top);
    }
#endif
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        uint column = lane + i * LANES;
        if (column < WIDTH) store_o(row, head * WIDTH + column, total == 0.0 ? 0.0 : own[i] * shrink / total);
    }
}
