#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// The loss of pairs of answers, or of single ones, from the losses of their tokens, and its slopes.
// FORM_SIGMOID, FORM_IPO, FORM_IPO_SUM, FORM_SIMPO, FORM_ORPO, FORM_KTO choose among the losses.
INPUT(0, losses)
INPUT_INT(1, begins)
INPUT_INT(2, ends)
INPUT_INT(3, others)
INPUT(4, numbers)
INPUT(5, batch)
OUTPUT(6, loss)
OUTPUT(7, slopes)

#define OPERANDS 8
#include "common/rows.glsl"

// log(1 + e^x)
float softplus(float x) { return max(x, 0.0) + log(1.0 + exp(-abs(x))); }

// 1 - e^x for x below 0, also where e^x is nearly 1.
float rest_of(float x) {
    float rest = x > -0.03125 ? -x * (1.0 + x * (0.5 + x * (0.16666667 + x * 0.041666667))) : 1.0 - exp(x);
    return max(rest, 1e-6);
}

// The log-probability of a segment's tokens, for all lanes.
float answer(int place, uint rows) {
    float sum = 0.0;
    if (place >= 0 && uint(place) < rows) {
        uint end = min(uint(max(ends(uint(place), 0), 0)), rows);
        for (uint row = uint(max(begins(uint(place), 0), 0)) + lane(); row < end; row += LANES) sum -= losses(row, 0);
    }
    return row_sum(sum);
}

float count_of(int place, uint rows) {
    if (place < 0 || uint(place) >= rows) return 1.0;
    return max(float(ends(uint(place), 0) - begins(uint(place), 0)), 1.0);
}

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, beta, smoothing, gamma, weights of desirable and undesirable answers.
    uint rows = PARAMETER(OPERANDS, 0);
    float beta = FLOAT_PARAMETER(OPERANDS, 1);
    uint place = row_of_group();
    bool is_inside = place < rows;
    int own = is_inside ? int(place) : -1;
    int other = is_inside ? others(place, 0) : -1;
    float sum = answer(own, rows);
    float other_sum = answer(other, rows);
    if (!is_inside || lane() != 0) return;
    float value = 0.0;
    float slope = 0.0;
    if (begins(place, 0) >= 0 && ends(place, 0) > begins(place, 0)) {
        float side = numbers(place, 1);
        float weight = numbers(place, 3);
        float n = count_of(own, rows);
        float other_n = count_of(other, rows);
        float gain = sum - numbers(place, 0);
        float other_gain = other < 0 ? other_sum : other_sum - numbers(uint(other), 0);
        if (side != 0.0) {
#ifdef FORM_SIGMOID
            float smoothing = FLOAT_PARAMETER(OPERANDS, 2);
            float x = beta * side * (gain - other_gain);
            value = (1.0 - smoothing) * softplus(-x) + smoothing * softplus(x);
            slope = side * beta * (smoothing * sigmoid(x) - (1.0 - smoothing) * sigmoid(-x));
#endif
#ifdef FORM_IPO
            float x = side * (gain / n - other_gain / other_n) - 0.5 / beta;
            value = x * x;
            slope = side * 2.0 * x / n;
#endif
#ifdef FORM_IPO_SUM
            float x = side * (gain - other_gain) - 0.5 / beta;
            value = x * x;
            slope = side * 2.0 * x;
#endif
#ifdef FORM_SIMPO
            float x = beta * side * (sum / n - other_sum / other_n) - FLOAT_PARAMETER(OPERANDS, 3);
            value = softplus(-x);
            slope = -side * beta * sigmoid(-x) / n;
#endif
#ifdef FORM_ORPO
            float rest = rest_of(sum / n);
            float x = side * ((sum / n - log(rest)) - (other_sum / other_n - log(rest_of(other_sum / other_n))));
            value = beta * softplus(-x);
            slope = -side * beta * sigmoid(-x) / (rest * n);
#endif
#ifdef FORM_KTO
            float share = side > 0.0 ? FLOAT_PARAMETER(OPERANDS, 4) : FLOAT_PARAMETER(OPERANDS, 5);
            float x = side * beta * (gain - batch(0, 1));
            value = share * sigmoid(-x);
            slope = -side * share * beta * sigmoid(x) * sigmoid(-x);
#else
            if (side < 0.0) value = 0.0;
#endif
        }
        value *= weight;
        slope = numbers(place, 2) * batch(0, 0) - slope * weight;
    }
    store_loss(place, 0, value);
    store_slopes(place, 0, slope);
}
