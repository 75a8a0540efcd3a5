#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// Loss, whether the target is the largest, and the gradient of each row of logits, in two passes
// over the vocabulary. The gradient may lie where the logits do.
INPUT(0, logits)
INPUT_INT(1, targets)
INPUT(2, loss_scale)
OUTPUT(3, loss)
OUTPUT(4, correct)
#ifdef HAS_GRADIENT
OUTPUT(5, gradient)
#define OPERANDS 6
#else
#define OPERANDS 5
#endif
#include "common/rows.glsl"

float capped(float x) {
#ifdef HAS_CAP
    float cap = FLOAT_PARAMETER(OPERANDS, 2);
    return cap * hyperbolic_tangent(x / cap);
#else
    return x;
#endif
}

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns, cap, smoothing, weight of the squared sum.
    uint row = row_of_group();
    bool is_inside = row < PARAMETER(OPERANDS, 0);
    int target = is_inside ? targets(row, 0) : -1;
    uint columns = is_inside ? PARAMETER(OPERANDS, 1) : 0;
    bool is_trained = target >= 0 && uint(target) < columns;
    uint read_columns = is_trained ? columns : 0;
    float target_logit = is_trained ? logits(row, uint(target)) : 0.0;

    // Each lane keeps the largest number it has met and the sum of exponentials in relation to it;
    // four columns at once spare rescaling.
    float largest = -3.0e38;
    float sum = 0.0;
    float beaten = 0.0;
    float logit_sum = 0.0;
    for (uint first = lane(); first < read_columns; first += 4 * LANES) {
        vec4 z = vec4(-3.0e38);
        for (uint i = 0; i < 4; i++) {
            uint column = first + i * LANES;
            if (column < read_columns) {
                float logit = logits(row, column);
                z[i] = capped(logit);
#ifdef IS_EXTENDED
                logit_sum += z[i];
#endif
                if (logit > target_logit || (logit == target_logit && column < uint(target))) beaten += 1.0;
            }
        }
        float next = max(max(max(z.x, z.y), max(z.z, z.w)), largest);
        vec4 weights = exp(z - next);
        sum = sum * exp(largest - next) + ((weights.x + weights.y) + (weights.z + weights.w));
        largest = next;
    }
    float row_largest = row_max(largest);
    sum = row_sum(sum * exp(largest - row_largest));
    beaten = row_sum(beaten);
#ifdef IS_EXTENDED
    logit_sum = row_sum(logit_sum);
    float smoothing = FLOAT_PARAMETER(OPERANDS, 3);
    float log_sum = row_largest + log(sum);
#endif
    if (!is_inside) return;
    if (lane() == 0) {
#ifdef IS_EXTENDED
        float value = log_sum - (1.0 - smoothing) * capped(target_logit) - smoothing * (logit_sum / float(max(columns, 1u)))
            + FLOAT_PARAMETER(OPERANDS, 4) * log_sum * log_sum;
        store_loss(row, 0, is_trained ? value : 0.0);
#else
        store_loss(row, 0, is_trained ? row_largest + log(sum) - capped(target_logit) : 0.0);
#endif
        store_correct(row, 0, is_trained && beaten == 0.0 ? 1.0 : 0.0);
    }
#ifdef HAS_GRADIENT
    float scale = loss_scale(0, 0);
    float share = 1.0 / sum;
    for (uint column = lane(); column < columns; column += LANES) {
        float value = 0.0;
        if (is_trained) {
            float z = capped(logits(row, column));
#ifdef IS_EXTENDED
            value = exp(z - row_largest) * share * (1.0 + 2.0 * FLOAT_PARAMETER(OPERANDS, 4) * log_sum)
                - smoothing / float(columns) - (column == uint(target) ? 1.0 - smoothing : 0.0);
#else
            value = exp(z - row_largest) * share - (column == uint(target) ? 1.0 : 0.0);
#endif
#ifdef HAS_CAP
            float curve = z / FLOAT_PARAMETER(OPERANDS, 2);
            value *= 1.0 - curve * curve;
#endif
            value *= scale;
        }
        store_gradient(row, column, value);
    }
#endif
}
