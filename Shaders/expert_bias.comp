#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[p, :] = x[p, :] + bias[e, :] for the rows p of expert e: a group takes COLUMN_LANES columns of
// one expert, whose rows its invocations take in turns; the result may lie where x does.
// Parameters: rows, columns, groups side by side.
INPUT(0, x)
INPUT(1, bias)
INPUT_INT(2, offsets)
OUTPUT(3, y)
#define OPERANDS 4

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 64;
layout(constant_id = 1) const uint COLUMN_LANES = 64;

void main() {
    if (group_index() >= group_count()) return;
    int limit = int(PARAMETER(OPERANDS, 0));
    uint across = PARAMETER(OPERANDS, 2);
    uint expert = group_index() / across;
    uint column = (group_index() - expert * across) * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    if (column >= PARAMETER(OPERANDS, 1)) return;
    uint start = uint(clamp(offsets(expert, 0), 0, limit));
    uint end = uint(clamp(offsets(expert + 1u, 0), 0, limit));
    float own = bias(expert, column);
    for (uint row = start + gl_LocalInvocationID.x / COLUMN_LANES; row < end; row += GROUP_SIZE / COLUMN_LANES) {
        store_y(row, column, x(row, column) + own);
    }
}
