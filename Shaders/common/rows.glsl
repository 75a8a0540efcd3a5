// Kernels that reduce rows: LANES invocations (a power of two) share a row, GROUP_SIZE / LANES rows
// a group.
//
// Sums run over lanes as a tree in shared memory, so their order depends on LANES alone, not on the
// subgroups of the device.

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 64;
layout(constant_id = 1) const uint LANES = 64;

shared float row_values[GROUP_SIZE];

uint lane() { return gl_LocalInvocationID.x % LANES; }
uint row_of_group() { return group_index() * (GROUP_SIZE / LANES) + gl_LocalInvocationID.x / LANES; }

// The sum over the lanes of a row, for all of them. Every invocation of the group must call it.
float row_sum(float value) {
    if (LANES == 1) return value;
    uint local = gl_LocalInvocationID.x;
    barrier();
    row_values[local] = value;
    barrier();
    for (uint distance = LANES / 2; distance > 0; distance /= 2) {
        if (lane() < distance) row_values[local] += row_values[local + distance];
        barrier();
    }
    return row_values[local - lane()];
}

float row_max(float value) {
    if (LANES == 1) return value;
    uint local = gl_LocalInvocationID.x;
    barrier();
    row_values[local] = value;
    barrier();
    for (uint distance = LANES / 2; distance > 0; distance /= 2) {
        if (lane() < distance) row_values[local] = max(row_values[local], row_values[local + distance]);
        barrier();
    }
    return row_values[local - lane()];
}
