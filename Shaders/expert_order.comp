#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// The places of choices sorted by expert: a group takes an expert. Each invocation counts in a run
// of its own of the choices, in their order, which are of this expert and which of one before it;
// so the sort is stable. Parameters: rows, choices of a row, experts.
INPUT_INT(0, experts)
IN_OUT_INT(1, places)
IN_OUT_INT(2, offsets)
#define OPERANDS 3

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 128;

shared uint own_counts[GROUP_SIZE];
shared uint lower_counts[GROUP_SIZE];

void main() {
    if (group_index() >= group_count()) return;
    uint width = PARAMETER(OPERANDS, 1);
    uint count = PARAMETER(OPERANDS, 0) * width;
    uint last = PARAMETER(OPERANDS, 2) - 1u;
    uint expert = group_index();
    uint local = gl_LocalInvocationID.x;
    uint run = (count + GROUP_SIZE - 1u) / GROUP_SIZE;
    uint first = min(count, local * run);
    uint end = min(count, first + run);
    uint own = 0u;
    uint lower = 0u;
    for (uint i = first; i < end; i++) {
        // An expert that there is not counts as the last.
        uint choice = uint(clamp(experts(i / width, i % width), 0, int(last)));
        if (choice == expert) own++;
        if (choice < expert) lower++;
    }
    own_counts[local] = own;
    lower_counts[local] = lower;
    barrier();
    uint start = 0u;
    for (uint i = 0u; i < GROUP_SIZE; i++) start += lower_counts[i];
    if (local == 0u) {
        store_offsets(expert, 0, int(start));
        if (expert == last) store_offsets(last + 1u, 0, int(count));
    }
    for (uint i = 0u; i < local; i++) start += own_counts[i];
    for (uint i = first; i < end; i++) {
        uint choice = uint(clamp(experts(i / width, i % width), 0, int(last)));
        if (choice == expert) {
            store_places(i / width, i % width, int(start));
            start++;
        }
    }
}
