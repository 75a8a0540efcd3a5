// Kernels that sum over rows: a group has COLUMN_LANES columns side by side and GROUP_SIZE /
// COLUMN_LANES invocations for each, which take the rows in turns.
//
// Include this after `float term(uint row, uint column)`; the sums over rows go through a tree in
// shared memory: the order is fixed.

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 64;
layout(constant_id = 1) const uint COLUMN_LANES = 64;

shared float column_values[GROUP_SIZE];

// The sum of `term(row, column)` over the rows, for the invocations whose column_turn() is 0. Every
// invocation of the group must call it.
float column_sum(uint rows, uint column, bool is_inside) {
    const uint turns = GROUP_SIZE / COLUMN_LANES;
    uint local = gl_LocalInvocationID.x;
    float sum = 0;
    if (is_inside) {
        for (uint row = local / COLUMN_LANES; row < rows; row += turns) sum += term(row, column);
    }
    if (turns == 1) return sum;
    column_values[local] = sum;
    barrier();
    for (uint distance = turns / 2; distance > 0; distance /= 2) {
        if (local / COLUMN_LANES < distance) column_values[local] += column_values[local + distance * COLUMN_LANES];
        barrier();
    }
    return column_values[local % COLUMN_LANES];
}
