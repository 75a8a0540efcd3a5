#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// Cross-entropy, divergence from a teacher, whether the target is the largest, and the gradient of
// each row of logits, in two passes over the vocabulary. The gradient may lie where the logits do.
INPUT(0, logits)
INPUT(1, guide)
INPUT_INT(2, targets)
INPUT(3, loss_scale)
OUTPUT(4, cross_entropy)
OUTPUT(5, divergence)
OUTPUT(6, correct)
OUTPUT(7, gradient)
#define OPERANDS 8
#include "common/rows.glsl"

// Parameters: rows, columns, columns that the teacher has too, temperature, share, caps.
float capped(float x) {
#ifdef HAS_CAP
    float cap = FLOAT_PARAMETER(OPERANDS, 5);
    return cap * hyperbolic_tangent(x / cap);
#else
    return x;
#endif
}

float capped_guide(float x) {
#ifdef HAS_GUIDE_CAP
    float cap = FLOAT_PARAMETER(OPERANDS, 6);
    return cap * hyperbolic_tangent(x / cap);
#else
    return x;
#endif
}

// The largest number that a lane has met, and the sum of exponentials of the numbers below it, each
// multiplied by a factor.
struct Level {
    float factor;
    float largest;
    float sum;
};

void add(inout Level level, float x) {
    if (x > level.largest) {
        level.sum *= exp((level.largest - x) * level.factor);
        level.largest = x;
    }
    level.sum += exp((x - level.largest) * level.factor);
}

// What is taken from a number times the factor to have the logarithm of its share of a row.
float log_sum(Level level) {
    float largest = row_max(level.largest);
    return largest * level.factor + log(row_sum(level.sum * exp((level.largest - largest) * level.factor)));
}

void main() {
    if (group_index() >= group_count()) return;
    uint row = row_of_group();
    bool is_inside = row < PARAMETER(OPERANDS, 0);
    int target = is_inside ? targets(row, 0) : -1;
    uint columns = is_inside ? PARAMETER(OPERANDS, 1) : 0;
    bool is_trained = target >= 0 && uint(target) < columns;
    uint read_columns = is_trained ? columns : 0;
    uint both = is_trained ? PARAMETER(OPERANDS, 2) : 0;
    float temperature = FLOAT_PARAMETER(OPERANDS, 3);
    float share = FLOAT_PARAMETER(OPERANDS, 4);
    float inverse = 1.0 / temperature;
    float target_logit = is_trained ? logits(row, uint(target)) : 0.0;

    Level plain = Level(1.0, -3.0e38, 0.0);
    Level student = Level(inverse, -3.0e38, 0.0);
    Level teacher = Level(inverse, -3.0e38, 0.0);
    float beaten = 0.0;
    for (uint column = lane(); column < read_columns; column += LANES) {
        float logit = logits(row, column);
        if (logit > target_logit || (logit == target_logit && column < uint(target))) beaten += 1.0;
        float z = capped(logit);
        add(plain, z);
        if (column >= both) continue;
        add(student, z);
        add(teacher, capped_guide(guide(row, column)));
    }
    beaten = row_sum(beaten);
    float plain_level = log_sum(plain);
    float student_level = log_sum(student);
    float teacher_level = log_sum(teacher);

    float scale = loss_scale(0, 0);
    float soft_scale = scale * share * temperature;
    float hard_scale = scale * (1.0 - share);
    float found = 0.0;
    float target_level = capped(target_logit);
    for (uint column = lane(); column < columns; column += LANES) {
        float value = 0.0;
        if (is_trained) {
            float z = capped(logits(row, column));
            value = hard_scale * (exp(z - plain_level) - (column == uint(target) ? 1.0 : 0.0));
            if (column < both) {
                float own = z * inverse - student_level;
                float other = capped_guide(guide(row, column)) * inverse - teacher_level;
                float p = exp(other);
                found += p * (other - own);
                value += soft_scale * (exp(own) - p);
            }
#ifdef HAS_CAP
            float curve = z / FLOAT_PARAMETER(OPERANDS, 5);
            value *= 1.0 - curve * curve;
#endif
        }
        store_gradient(row, column, value);
    }
    found = row_sum(found);
    if (!is_inside || lane() != 0) return;
    store_cross_entropy(row, 0, is_trained ? plain_level - target_level : 0.0);
    store_divergence(row, 0, is_trained ? temperature * temperature * found : 0.0);
    store_correct(row, 0, is_trained && beaten == 0.0 ? 1.0 : 0.0);
}
