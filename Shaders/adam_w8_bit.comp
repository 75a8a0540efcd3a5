#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// One step of AdamW with moments in eight bits, a block of 256 numbers of a row at a time; the
// gradient becomes zero. Nothing else changes where the norm is not finite.
IN_OUT(0, parameter)
IN_OUT(1, gradient)
IN_OUT_INT(2, first_codes)
IN_OUT(3, first_scales)
IN_OUT_INT(4, second_codes)
IN_OUT(5, second_scales)
INPUT(6, clip)
INPUT(7, scalars)

#define OPERANDS 8
#include "common/rows.glsl"

// Random bits for a number of the tensor, as AdamW8Bit.noise has them; as a share of 1.
float share_of(uint row, uint column, uint step, uint stream) {
    uint bits = (row * 0x9E3779B1u) ^ (column * 0x85EBCA77u) ^ (step * 0xC2B2AE3Du) ^ (stream * 0x27D4EB2Fu);
    bits = (bits ^ (bits >> 16)) * 0x7FEB352Du;
    bits = (bits ^ (bits >> 15)) * 0x846CA68Bu;
    bits = bits ^ (bits >> 16);
    return float(bits >> 8) * 5.9604644775390625e-8;
}

// New moment and root of the second one for a number whose codes are these bytes.
vec2 moments(float g, int first_code, int second_code, float first_scale, float second_scale) {
    float s = float(first_code);
    float u = float(second_code);
    float root = second_scale * u * u;
    // Parameters: rows, columns, blocks of a row, beta1, 1 - beta1, beta2, 1 - beta2, epsilon,
    // decay.
    float first = FLOAT_PARAMETER(OPERANDS, 3) * (first_scale * s * abs(s)) + FLOAT_PARAMETER(OPERANDS, 4) * g;
    return vec2(first, sqrt(FLOAT_PARAMETER(OPERANDS, 5) * (root * root) + FLOAT_PARAMETER(OPERANDS, 6) * (g * g)));
}

void main() {
    if (group_index() >= group_count()) return;
    uint across = PARAMETER(OPERANDS, 2);
    uint block = row_of_group();
    uint row = block / across;
    uint place = block - row * across;
    bool is_inside = row < PARAMETER(OPERANDS, 0);
    bool moves = is_inside && is_finite(clip(0, 0));
    uint start = place * 256;
    uint end = is_inside ? min(start + 256, PARAMETER(OPERANDS, 1)) : start;
    float first_scale = moves ? first_scales(row, place) / 16129.0 : 0.0;
    float second_scale = moves ? second_scales(row, place) / 65025.0 : 0.0;
    float factor = clip(0, 1);
    float largest_first = 0.0;
    float largest_root = 0.0;
    if (moves) {
        for (uint first = start + 4 * lane(); first < end; first += 4 * LANES) {
            int firsts = first_codes(row, first / 4);
            int seconds = second_codes(row, first / 4);
            for (uint i = 0; i < 4 && first + i < end; i++) {
                vec2 m = moments(
                    gradient(row, first + i) * factor, bitfieldExtract(firsts, int(8 * i), 8),
                    (seconds >> (8 * i)) & 0xFF, first_scale, second_scale);
                largest_first = max(largest_first, abs(m.x));
                largest_root = max(largest_root, m.y);
            }
        }
    }
    // Behind these every lane has read the scales.
    largest_first = row_max(largest_first);
    largest_root = row_max(largest_root);
    if (!is_inside) return;
    float inverse_first = largest_first > 0.0 ? 1.0 / largest_first : 0.0;
    float inverse_root = largest_root > 0.0 ? 1.0 / largest_root : 0.0;
    float size = scalars(0, 0) / scalars(0, 1);
    float correction = sqrt(scalars(0, 2));
    float decay = 1.0 - scalars(0, 0) * FLOAT_PARAMETER(OPERANDS, 8);
    uint step = uint(scalars(0, 3));
    for (uint first = start + 4 * lane(); first < end; first += 4 * LANES) {
        if (!moves) {
            for (uint i = 0; i < 4 && first + i < end; i++) store_gradient(row, first + i, 0.0);
            continue;
        }
        int firsts = first_codes(row, first / 4);
        int seconds = second_codes(row, first / 4);
        int first_word = 0;
        int second_word = 0;
        for (uint i = 0; i < 4 && first + i < end; i++) {
            uint column = first + i;
            vec2 m = moments(
                gradient(row, column) * factor, bitfieldExtract(firsts, int(8 * i), 8), (seconds >> (8 * i)) & 0xFF, first_scale,
                second_scale);
            store_gradient(row, column, 0.0);
            store_parameter(row, column, parameter(row, column) * decay - m.x * size / (m.y / correction + FLOAT_PARAMETER(OPERANDS, 7)));
            float position = sqrt(abs(m.x) * inverse_first) * 127.0;
            int s = int(min(127.0, floor(position + share_of(row, column, step, 0u))));
            float height = sqrt(m.y * inverse_root) * 255.0;
            int u = int(max(m.y > 0.0 ? 1.0 : 0.0, min(255.0, floor(height + share_of(row, column, step, 1u)))));
            first_word |= ((m.x < 0.0 ? -s : s) & 0xFF) << (8 * i);
            second_word |= u << (8 * i);
        }
        store_first_codes(row, first / 4, first_word);
        store_second_codes(row, first / 4, second_word);
    }
    if (moves && lane() == 0) {
        store_first_scales(row, place, largest_first);
        store_second_scales(row, place, largest_root);
    }
}
