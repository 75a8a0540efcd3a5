#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// norm = sqrt(sum of the sums), factor = min(1, maximum / (norm + 1e-6)), or 1 where the maximum
// is 0.
INPUT(0, sums)
OUTPUT(1, clip)

#define OPERANDS 2
#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: number of sums, maximum.
    float sum = 0.0;
    for (uint i = lane(); i < PARAMETER(OPERANDS, 0); i += LANES) sum += sums(i, 0);
    sum = row_sum(sum);
    if (lane() != 0) return;
    float norm = sqrt(sum);
    float maximum = FLOAT_PARAMETER(OPERANDS, 1);
    store_clip(0, 0, norm);
    store_clip(0, 1, maximum == 0.0 ? 1.0 : min(1.0, maximum / (norm + 1e-6)));
}
