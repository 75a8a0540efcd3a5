#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// One step of Adafactor on one tensor, in passes: 0 the means of rows, 1 of columns, 2 the mean of
// the rows' means, 3 sums of squares of each row's step and parameters, 4 the size of the step, 5
// the step. Nothing but the gradient changes where the norm is not finite.
IN_OUT(0, parameter)
IN_OUT(1, gradient)
IN_OUT(2, row_means)
IN_OUT(3, column_means)
INPUT(4, clip)
INPUT(5, scalars)
// Row 0: the mean of the rows' means, and the size of the step once it is clipped; then the sums.
IN_OUT(6, sums)
#ifdef HAS_MOMENTUM
IN_OUT(7, momentum)
#define OPERANDS 8
#else
#define OPERANDS 7
#endif

// Parameters: rows, columns, tiles, epsilon1, epsilon2, clip threshold, beta1, 1 - beta1, decay of
// weights.
float square(uint row, uint column) {
    float g = gradient(row, column) * clip(0, 1);
    return g * g + FLOAT_PARAMETER(OPERANDS, 3);
}

#if PASS == 5

float whole_step() {
#ifdef SCALES
    return scalars(0, 0) * sums(1, 0);
#else
    return scalars(0, 0);
#endif
}

void element(uint row, uint column) {
    float g = gradient(row, column) * clip(0, 1);
    store_gradient(row, column, 0.0);
    if (!is_finite(clip(0, 0))) return;
    float step = sums(0, 1) * (g / sqrt(row_means(row, 0) / sums(0, 0))) / sqrt(column_means(0, column));
#ifdef HAS_MOMENTUM
    step = FLOAT_PARAMETER(OPERANDS, 6) * momentum(row, column) + FLOAT_PARAMETER(OPERANDS, 7) * step;
    store_momentum(row, column, step);
#endif
    float decay = 1.0 - whole_step() * FLOAT_PARAMETER(OPERANDS, 8);
    store_parameter(row, column, parameter(row, column) * decay - step);
}

#include "common/elementwise.glsl"

#elif PASS == 1

float term(uint row, uint column) { return square(row, column); }

#include "common/columns.glsl"

void main() {
    if (group_index() >= group_count()) return;
    uint column = group_index() * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    bool is_inside = column < PARAMETER(OPERANDS, 1);
    float sum = column_sum(PARAMETER(OPERANDS, 0), column, is_inside);
    if (!is_inside || gl_LocalInvocationID.x >= COLUMN_LANES || !is_finite(clip(0, 0))) return;
    float decay = scalars(0, 1);
    store_column_means(0, column, decay * column_means(0, column) + (1.0 - decay) * (sum / float(PARAMETER(OPERANDS, 0))));
}

#else

#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    uint rows = PARAMETER(OPERANDS, 0);
    uint columns = PARAMETER(OPERANDS, 1);
#if PASS == 0
    uint row = row_of_group();
    bool is_inside = row < rows;
    float sum = 0.0;
    if (is_inside) for (uint column = lane(); column < columns; column += LANES) sum += square(row, column);
    sum = row_sum(sum);
    if (!is_inside || lane() != 0 || !is_finite(clip(0, 0))) return;
    float decay = scalars(0, 1);
    store_row_means(row, 0, decay * row_means(row, 0) + (1.0 - decay) * (sum / float(columns)));
#elif PASS == 2
    float sum = 0.0;
    for (uint row = lane(); row < rows; row += LANES) sum += row_means(row, 0);
    sum = row_sum(sum);
    if (lane() == 0) store_sums(0, 0, sum / float(rows));
#elif PASS == 3
    uint row = row_of_group();
    bool is_inside = row < rows;
    float steps = 0.0;
    float parameters = 0.0;
    if (is_inside) {
        float scale = clip(0, 1) / sqrt(row_means(row, 0) / sums(0, 0));
        for (uint column = lane(); column < columns; column += LANES) {
            float step = gradient(row, column) * scale / sqrt(column_means(0, column));
            steps += step * step;
            float p = parameter(row, column);
            parameters += p * p;
        }
    }
    steps = row_sum(steps);
    parameters = row_sum(parameters);
    if (!is_inside || lane() != 0) return;
    store_sums(row + 1, 0, steps);
    store_sums(row + 1, 1, parameters);
#else
    float steps = 0.0;
    float parameters = 0.0;
    for (uint row = lane(); row < rows; row += LANES) {
        steps += sums(row + 1, 0);
        parameters += sums(row + 1, 1);
    }
    steps = row_sum(steps);
    parameters = row_sum(parameters);
    if (lane() != 0) return;
    float count = float(rows) * float(columns);
    float size = scalars(0, 0);
#ifdef SCALES
    float root = max(FLOAT_PARAMETER(OPERANDS, 4), sqrt(parameters / count));
    size *= root;
    store_sums(1, 0, root);
#endif
    store_sums(0, 1, size / max(1.0, sqrt(steps / count) / FLOAT_PARAMETER(OPERANDS, 5)));
#endif
}

#endif
