#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// Loss of each row of logits over a few classes, and its gradient. With IS_SIGMOID every class
// counts for itself.
INPUT(0, logits)
INPUT(1, positive)
INPUT(2, loss_scale)
#ifdef IS_SIGMOID
INPUT(3, negative)
OUTPUT(4, loss)
#ifdef HAS_GRADIENT
OUTPUT(5, gradient)
#define OPERANDS 6
#else
#define OPERANDS 5
#endif
#else
OUTPUT(3, loss)
#ifdef HAS_GRADIENT
OUTPUT(4, gradient)
#define OPERANDS 5
#else
#define OPERANDS 4
#endif
#endif
#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns.
    uint row = row_of_group();
    bool is_inside = row < PARAMETER(OPERANDS, 0);
    uint columns = is_inside ? PARAMETER(OPERANDS, 1) : 0;
    float row_loss = 0.0;
#ifdef IS_SIGMOID
    for (uint column = lane(); column < columns; column += LANES) {
        float z = logits(row, column);
        float rest = log(1.0 + exp(-abs(z)));
        row_loss += positive(row, column) * (max(-z, 0.0) + rest) + negative(row, column) * (max(z, 0.0) + rest);
    }
    row_loss = row_sum(row_loss);
#else
    float largest = -3.0e38;
    for (uint column = lane(); column < columns; column += LANES) largest = max(largest, logits(row, column));
    largest = row_max(largest);
    float sum = 0.0;
    float weight = 0.0;
    float weighted = 0.0;
    for (uint column = lane(); column < columns; column += LANES) {
        float z = logits(row, column) - largest;
        float share = positive(row, column);
        sum += exp(z);
        weight += share;
        if (share != 0.0) weighted += share * z;
    }
    sum = row_sum(sum);
    weight = row_sum(weight);
    row_loss = weight * log(sum) - row_sum(weighted);
#endif
    if (!is_inside) return;
    if (lane() == 0) store_loss(row, 0, row_loss);
#ifdef HAS_GRADIENT
    float scale = loss_scale(0, 0);
    for (uint column = lane(); column < columns; column += LANES) {
        float z = logits(row, column);
#ifdef IS_SIGMOID
        float slope = negative(row, column) * sigmoid(z) - positive(row, column) * sigmoid(-z);
#else
        float slope = exp(z - largest) / sum * weight - positive(row, column);
#endif
        store_gradient(row, column, slope * scale);
    }
#endif
}
