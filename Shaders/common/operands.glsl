// Operands of kernels: strided matrices in storage buffers, in any element type.
//
// Operand N of a dispatch is binding N. The text that stands before a shader defines OPERAND_TYPE_N
// for each operand (one of the types below), and HAS_16BIT_STORAGE where the device stores 16-bit
// numbers. Push constants hold 32 words: for operand N its first element (word 2N) and the number
// of elements from row to row (word 2N + 1), then the kernel's parameters; the last two are where
// the groups of this dispatch end and where they begin.
//
// Parameters of elementwise and row kernels begin with those of common/elementwise.glsl and
// common/rows.glsl; their own stand behind.
//
// INPUT(slot, name) float name(row, column), float name_at(index) for an index that ELEMENT(slot,
// row, column) gives OUTPUT(slot, name) void store_name(row, column, value) IN_OUT(slot, name) both
// INPUT_INT(slot, name) int name(row, column); IN_OUT_INT(slot, name) also void store_name(row,
// column, value)

#define FLOAT32 0
#define BFLOAT16 1
#define FLOAT16 2
#define INT32 3

#ifdef HAS_16BIT_STORAGE
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : enable
#endif

layout(push_constant) uniform Call { uint words[32]; } call;

#define ELEMENT(slot, row, column) (call.words[2 * (slot)] + (row) * call.words[2 * (slot) + 1] + (column))
#define ROW_STEP(slot) call.words[2 * (slot) + 1]
#define PARAMETER(operandCount, index) call.words[2 * (operandCount) + (index)]
#define FLOAT_PARAMETER(operandCount, index) uintBitsToFloat(PARAMETER(operandCount, index))

// Groups are counted in one line, whatever grid they are started in, so that a long dispatch can be
// cut anywhere.
uint group_index() { return gl_WorkGroupID.x + gl_WorkGroupID.y * 32768u + call.words[31]; }
uint group_count() { return call.words[30]; }

float float_from_bfloat16(uint bits) { return uintBitsToFloat(bits << 16); }

// Rounds to nearest, ties to even; a NaN stays one.
uint bfloat16_from_float(float value) {
    uint bits = floatBitsToUint(value);
    uint rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    return (bits & 0x7FFFFFFFu) > 0x7F800000u ? (bits >> 16) | 0x40u : rounded;
}

float float_from_half(uint bits) { return unpackHalf2x16(bits).x; }

// Rounds to nearest, ties to even, in whole numbers: the rounding of a device's own conversion is
// not specified.
uint half_from_float(float value) {
    uint bits = floatBitsToUint(value);
    uint sign = (bits >> 16) & 0x8000u;
    uint magnitude = bits & 0x7FFFFFFFu;
    uint normal = min((magnitude + 0xFFFu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13, 0x7C00u);
    // Below 2^-14 a half is a whole number of 2^-24; adding 0.5 lines it up and rounds it.
    uint subnormal = floatBitsToUint(uintBitsToFloat(magnitude) + 0.5) - 0x3F000000u;
    uint finite = magnitude < 0x38800000u ? subnormal : normal;
    finite = magnitude >= 0x47800000u ? 0x7C00u : finite;
    return sign | (magnitude > 0x7F800000u ? 0x7E00u : finite);
}

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

// By type: the stored word, reading element `i` of array `d`, writing it.
#define STORED_0 float
#define READ_0(d, i) d[i]
#define WRITE_0(d, i, v) d[i] = (v)
#define STORED_3 int
#define READ_3(d, i) d[i]
#define WRITE_3(d, i, v) d[i] = (v)
#ifdef HAS_16BIT_STORAGE
#define STORED_1 uint16_t
#define READ_1(d, i) float_from_bfloat16(uint(d[i]))
#define WRITE_1(d, i, v) d[i] = uint16_t(bfloat16_from_float(v))
#define STORED_2 uint16_t
#define READ_2(d, i) float_from_half(uint(d[i]))
#define WRITE_2(d, i, v) d[i] = uint16_t(half_from_float(v))
#else
// Such a device has no narrow activations, but reads narrow weights: two to a word.
#define STORED_1 uint
#define READ_1(d, i) float_from_bfloat16((d[(i) >> 1] >> (((i) & 1u) << 4)) & 0xFFFFu)
#define STORED_2 uint
#define READ_2(d, i) float_from_half((d[(i) >> 1] >> (((i) & 1u) << 4)) & 0xFFFFu)
#endif

#define TYPE_OF(slot) JOIN(OPERAND_TYPE_, slot)
#define STORED(slot) JOIN(STORED_, TYPE_OF(slot))
#define READ(slot, d, i) JOIN(READ_, TYPE_OF(slot))(d, i)
#define WRITE(slot, d, i, v) JOIN(WRITE_, TYPE_OF(slot))(d, i, v)

#define INPUT(slot, name) \
    layout(std430, binding = slot) readonly buffer name##_block { STORED(slot) elements[]; } name##_memory; \
    float name##_at(uint i) { return READ(slot, name##_memory.elements, i); } \
    float name(uint row, uint column) { return name##_at(ELEMENT(slot, row, column)); }
#define INPUT_INT(slot, name) \
    layout(std430, binding = slot) readonly buffer name##_block { int elements[]; } name##_memory; \
    int name(uint row, uint column) { return name##_memory.elements[ELEMENT(slot, row, column)]; }
#define OUTPUT(slot, name) \
    layout(std430, binding = slot) writeonly buffer name##_block { STORED(slot) elements[]; } name##_memory; \
    void store_##name(uint row, uint column, float value) { uint i = ELEMENT(slot, row, column); WRITE(slot, name##_memory.elements, i, value); }
#define IN_OUT(slot, name) \
    layout(std430, binding = slot) buffer name##_block { STORED(slot) elements[]; } name##_memory; \
    float name(uint row, uint column) { uint i = ELEMENT(slot, row, column); return READ(slot, name##_memory.elements, i); } \
    void store_##name(uint row, uint column, float value) { uint i = ELEMENT(slot, row, column); WRITE(slot, name##_memory.elements, i, value); }
#define IN_OUT_INT(slot, name) \
    layout(std430, binding = slot) buffer name##_block { int elements[]; } name##_memory; \
    int name(uint row, uint column) { return name##_memory.elements[ELEMENT(slot, row, column)]; } \
    void store_##name(uint row, uint column, int value) { name##_memory.elements[ELEMENT(slot, row, column)] = value; }
