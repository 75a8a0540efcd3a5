#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// dx[p, :] = weights[t, j] * dy[p, :] and d_weights[t, j] = dy[p, :] · x[p, :] for p = places[t,
// j], with COUNT places for each t: a row here is one of them. dx may lie where dy does.
// Parameters: rows, columns.
INPUT(0, dy)
INPUT(1, x)
INPUT(2, weights)
INPUT_INT(3, places)
OUTPUT(4, dx)
OUTPUT(5, d_weights)
#define OPERANDS 6
#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    uint row = row_of_group();
    uint rows = PARAMETER(OPERANDS, 0);
    bool is_inside = row < rows;
    uint token = row / COUNT;
    uint choice = row % COUNT;
    uint place = is_inside ? uint(places(token, choice)) : 0u;
    uint columns = is_inside && place < rows ? PARAMETER(OPERANDS, 1) : 0u;
    float weight = is_inside ? weights(token, choice) : 0.0;
    float sum = 0.0;
    for (uint column = lane(); column < columns; column += LANES) {
        float slope = dy(place, column);
        sum = fma(slope, x(place, column), sum);
        store_dx(place, column, weight * slope);
    }
    sum = row_sum(sum);
    if (is_inside && lane() == 0) store_d_weights(token, choice, sum);
}
